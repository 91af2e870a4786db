// A room in a page: `?room=tea&name=ann&gateway=ws://localhost:8080`.
import { connect } from './sluice.js';

const RESUMED_MS = 5_000;
/** The oldest are taken away. */
const MAX_LINES = 500;

const asked = new URLSearchParams(location.search);
const room = asked.get('room') || 'lobby';
const name = asked.get('name') || `guest-${String(Math.floor(Math.random() * 1_000)).padStart(3, '0')}`;
const gateway = asked.get('gateway') || `ws://${location.hostname}:8080`;

const byId = (id) => document.getElementById(id);
const lines = byId('lines');
const scroller = byId('scroller');
const state = byId('state');
byId('room').textContent = `# ${room}`;
byId('who').textContent = `You are ${name}`;
document.title = `${room} · Sluice chat`;

// --- the connection, as it is shown ---

const WORDS = {
  connecting: 'Connecting…',
  connected: 'Connected',
  reconnecting: 'Reconnecting…',
  resumed: 'Back, nothing missed',
  closed: 'Closed',
};
let wasConnected = false;
let settling;

function show(what) {
  clearTimeout(settling);
  if (state.dataset.state !== what) {
    state.dataset.state = what;
    byId('state-text').textContent = WORDS[what];
  }
  if (what === 'resumed') settling = setTimeout(show, RESUMED_MS, 'connected');
}

function onEvent({ kind }) {
  if (kind === 'connected') {
    show(wasConnected ? 'resumed' : 'connected');
    wasConnected = true;
  } else if (kind === 'connecting' || kind === 'disconnected') {
    show(wasConnected ? 'reconnecting' : 'connecting');
  }
}

// --- what was said ---

/** Whose line was the last. */
let lastFrom;
/** The last number of the room that is shown: after a reset the history brings some again. */
let lastSequence = 0;

function add(item) {
  const isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
  lines.append(item);
  if (lines.childElementCount > MAX_LINES) lines.firstElementChild.remove();
  if (isAtEnd) scroller.scrollTop = scroller.scrollHeight;
  return item;
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function addLine(from, text, timestampMs) {
  const item = element('li', from === name ? 'line own' : 'line', '');
  if (from === lastFrom) item.classList.add('more');
  lastFrom = from;
  const who = element('div', 'from', from === name ? 'You' : from);
  who.style.setProperty('--hue', String(hueOf(from)));
  const time = element('time', '', new Date(timestampMs).toLocaleTimeString([], { timeStyle: 'short' }));
  who.append(time);
  item.append(who, element('div', 'said', text));
  return add(item);
}

function addNote(text) {
  lastFrom = undefined;
  add(element('li', 'note', text));
}

function hueOf(text) {
  let hue = 0;
  for (const letter of text) hue = (hue * 31 + letter.codePointAt(0)) % 360;
  return hue;
}

// --- the room ---

const client = connect(gateway, { clientId: name, openTimeoutMs: 2 ** 31 - 1, onEvent });
addEventListener('pagehide', ({ persisted }) => {
  if (!persisted) void client.close({ graceMs: 0 });
});

const session = await client.open('rooms', {
  subject: room,
  history: 50,
  onGap: ({ fromSequence, toSequence }) => addNote(`${toSequence - fromSequence + 1} lines were lost here`),
  onReset: ({ resend }) => {
    addNote('The gateway has started anew: what was said meanwhile may be missing');
    resend();
  },
  onFailure: (error) => addNote(`That could not be said: ${error.message}`),
});

byId('form').addEventListener('submit', (event) => {
  event.preventDefault();
  const { value } = byId('text');
  if (value.trim() === '') return;
  byId('text').value = '';
  scroller.scrollTop = scroller.scrollHeight;
  session.send(value).catch((error) => addNote(`That could not be said: ${error.message}`));
});

try {
  for await (const message of session) {
    const sequence = Number(message.metadata.get('x-topic-sequence') ?? 0);
    const missed = message.metadata.get('x-topic-missed');
    if (missed !== undefined) addNote(`${missed} lines were lost here`);
    if (missed !== undefined || sequence <= lastSequence) continue;
    lastSequence = sequence;
    addLine(message.metadata.get('x-from') ?? 'somebody', message.text, message.timestampMs || Date.now());
  }
  addNote('The room was closed');
} catch (error) {
  addNote(`The conversation has ended: ${error.message}`);
}
show('closed');
