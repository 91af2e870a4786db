import { type ServerDuplexStream, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { ChatMessage } from './protos.js';
import { refusal } from './refusal.js';

/** Who lets so many messages wait is sent away: nobody else is to wait, and nothing to grow without end. */
const MAX_WAITING = 256;

type Call = ServerDuplexStream<ChatMessage, ChatMessage>;

interface Member {
  user: string;
  room: string;
  readonly call: Call;
}

export function chatService(): UntypedServiceImplementation {
  const rooms = new Map<string, Set<Member>>();

  const leave = (member: Member): void => {
    const room = rooms.get(member.room);
    room?.delete(member);
    if (room?.size === 0) rooms.delete(member.room);
  };
  const come = (member: Member, name: string): void => {
    leave(member);
    member.room = name;
    const room = rooms.get(name) ?? new Set();
    rooms.set(name, room.add(member));
    member.call.write({ room: name, here: [...room].map(({ user }) => user) });
  };
  const say = (from: Member, text: string): void => {
    for (const member of rooms.get(from.room) ?? []) {
      if (member === from) continue;
      if (member.call.writableLength < MAX_WAITING) {
        member.call.write({ user: from.user, room: from.room, text });
      } else {
        leave(member);
        member.call.emit('error', refusal(status.RESOURCE_EXHAUSTED, 'you do not read what is said'));
      }
    }
  };

  return {
    chat(call: Call) {
      const member: Member = { user: '', room: '', call };
      call.on('data', ({ user = '', room = '', text = '' }: ChatMessage) => {
        member.user ||= user;
        if (room !== '' && room !== member.room) come(member, room);
        if (text !== '') say(member, text);
      });
      call.on('end', () => {
        leave(member);
        call.end();
      });
      call.on('cancelled', () => {
        leave(member);
      });
      call.on('error', () => {
        leave(member);
      });
    },
  };
}
