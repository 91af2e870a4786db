/**
 * A service that decides who may connect and what they may open. Plain Node, no
 * packages; it answers as docs/authorization-callout.md says.
 *
 *   SECRET=an-unguessable-text PORT=8181 node examples/authorization-service/main.mjs
 *
 * Its rules: the client `mallory` may not connect; a session of the route
 * `chat` may be opened by the members of its room; all else is refused.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const banned = new Set(['mallory']);
const members = new Map([
  ['room-1', new Set(['ann', 'bob'])],
  ['room-2', new Set(['ann'])],
]);

const yes = { allow: true };
/** The reason is for the client to read. It says nothing of rooms the client can't know. */
const no = (reason) => ({ allow: false, reason });

function decide({ event, client, route, subject }) {
  switch (event) {
    case 'connect':
      // Asked again when the client connects or shows a token anew, unless the gateway has kept this
      // answer: for 2 s, or its auth.callout.cache where that is shorter.
      return banned.has(client.id) ? no('this account is closed') : { ...yes, cacheMs: 2_000 };
    case 'open':
      if (route !== 'chat') return no('only chat can be opened here');
      return members.get(subject)?.has(client.id) ? yes : no(`you are not a member of ${subject}`);
    case 'publish':
    case 'subscribe':
      // The calls for who needs no session: of the same rooms.
      if (route !== 'chat') return no('there is only chat here');
      return members.get(subject)?.has(client.id) ? yes : no(`you are not a member of ${subject}`);
    default:
      // What a newer gateway asks, and this service can't know, is not allowed.
      return no('this is not known here');
  }
}

/** Digests have one length, which timingSafeEqual asks for. */
const digest = (text) => createHash('sha256').update(text).digest();
const expected = digest(`Bearer ${process.env.SECRET ?? ''}`);
const isGateway = (request) => timingSafeEqual(digest(request.headers.authorization ?? ''), expected);

async function read(request) {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > 16_384) throw new Error('a question is not that long');
  }
  return JSON.parse(text);
}

const server = createServer(async (request, response) => {
  const answer = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  try {
    if (request.method !== 'POST') return answer(405, { error: 'ask by POST' });
    // 401 and not 403: a gateway that nobody knows has a fault to find, and its clients no answer.
    if (!isGateway(request)) return answer(401, { error: 'who is asking?' });
    const question = await read(request);
    if (question.version !== 1) return answer(400, { error: 'version 1 is spoken here' });
    answer(200, decide(question));
  } catch {
    answer(400, { error: 'not a question' });
  }
});

if (!process.env.SECRET) {
  console.error('SECRET is what the gateway has in auth.callout.secretFile');
  process.exit(1);
}
server.listen(Number(process.env.PORT ?? 8181), '127.0.0.1', () => {
  console.log(`answering at http://127.0.0.1:${server.address().port}`);
});
