import { expect, test } from 'vitest';
import { SendProgress } from '../../../../src/cli/talk/send-progress.js';
import { inputMessages } from '../../../../src/cli/talk/payload-input.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { TestIo } from '../../../helpers/command-io.js';

test('a code that a gateway made up moves no cursor', () => {
  const io = new TestIo();
  const progress = new SendProgress(io, undefined);
  progress.fail('\u001b[2J');
  progress.summarize('text');
  expect(io.stderr.text).toContain('1 failed (\\u{1b}[2J 1)');
});

test.each(['a\nb\n\nc\n', '{"data":"a"}\n{"data":"b"}\n'])(
  'the bar is full when the whole input is sent, line ends and all: %j',
  async (text) => {
    const clock = new FakeClock();
    const io = new TestIo({ clock, terminal: { columns: 80, rows: 24 } });
    const progress = new SendProgress(io, text.length);
    progress.start(() => 0);
    const input = async function* (): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from(text));
    };
    const kind = text.startsWith('{') ? 'json' : 'lines';
    for await (const batch of inputMessages(input(), { kind })) {
      for (const { data, inputBytes = data.byteLength } of batch) progress.inputBytes += inputBytes;
    }
    clock.advance(1_000);
    progress.line.stop();
    expect(io.stderr.text).toContain(' 100 % ');
  },
);
