/** A text as people keep them: log lines, prose in several scripts, empty lines, and some that are very long. */

const WORDS = (
  'the of gateway stream and to in a connection message queue was for on that client with session broken ' +
  'naïve façade Größe Übermaß señal ação łódź žluťoučký поток сообщение очередь ροή μήνυμα 流 消息 队列 接続 ' +
  'メッセージ 스트림 رسالة הודעה 🚰 👩‍👩‍👧 𝔘𝔫𝔦 {"json":true} <xml/> C:\\path\\n "quoted" \t 100% --flag= '
).split(' ');

/** Mulberry32: small, and the same on every machine. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function lengthOf(random: () => number): number {
  const kind = random();
  if (kind < 0.05) return 0;
  // About one line in a thousand is of 10 to 60 KiB.
  if (kind > 0.999) return 2_000 + Math.floor(random() * 8_000);
  return 1 + Math.floor(random() * 16);
}

/** Lines with their newline, but for the last, which has none; always the same for a count. */
export function textLines(count: number): Buffer[] {
  const random = randomFrom(count);
  return Array.from({ length: count }, (_, n) => {
    const words = Array.from({ length: lengthOf(random) }, () => WORDS[Math.floor(random() * WORDS.length)]);
    // A few carriage returns: they are no ends of lines here.
    const end = n === count - 1 ? '' : random() < 0.01 ? '\r\n' : '\n';
    return Buffer.from(`${n === count - 1 ? 'the last line' : words.join(' ')}${end}`);
  });
}
