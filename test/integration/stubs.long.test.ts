/** docs/clients.md, "How do I make stubs for my language?": its lines, run as they stand, and what they make, used. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, type TestContext } from 'vitest';
import { startGateway } from '../helpers/gateway.js';
import { runProcess } from '../helpers/run-process.js';

const root = resolve(import.meta.dirname, '../..');
const LIMIT_MS = 8 * 60_000;

/** The fenced block that follows the line that begins with this language's name. */
async function linesFor(language: string): Promise<string> {
  const page = await readFile(join(root, 'docs/clients.md'), 'utf8');
  const section = page.split('## How do I make stubs for my language?')[1]?.split('\n## ')[0] ?? '';
  const block = new RegExp(
    `^${language}[,:][^\`]*(?:\`[^\`]+\`[^\`]*)*?\n\`\`\`sh\n([\\s\\S]*?)^\`\`\`$`,
    'm',
  );
  const lines = block.exec(section)?.[1];
  if (lines === undefined) throw new Error(`docs/clients.md has no lines for ${language}`);
  return lines;
}

/** An empty folder with the package's protos in it, and programs before those of the system's. */
class Workshop implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<Workshop> {
    const shop = new Workshop(await mkdtemp(join(tmpdir(), 'sluice-stubs-')));
    await mkdir(join(shop.folder, 'node_modules/sluice'), { recursive: true });
    await mkdir(join(shop.folder, 'bin'));
    await symlink(join(root, 'proto'), join(shop.folder, 'node_modules/sluice/proto'));
    return shop;
  }

  async write(name: string, content: string): Promise<void> {
    await writeFile(join(this.folder, name), content);
  }

  /** Runs lines of a shell here, which stop at the first that fails; returns what they print. */
  async run(lines: string): Promise<string> {
    const path = ['bin', 'venv/bin'].map((each) => join(this.folder, each)).join(delimiter);
    const result = await runProcess('bash', ['-euc', lines], {
      cwd: this.folder,
      env: { PATH: `${path}${delimiter}${process.env['PATH'] ?? ''}`, GOBIN: join(this.folder, 'bin') },
      timeoutMs: LIMIT_MS,
    });
    if (result.exitCode !== 0) throw new Error(`${lines}\n${result.stdout}\n${result.stderr}`);
    return result.stdout;
  }

  /** A Python of its own, with grpcio-tools, whose protoc goes by its name. */
  async protoc(): Promise<void> {
    await this.run('python3 -m venv venv && pip install --quiet grpcio-tools');
    await this.write('bin/protoc', '#!/bin/sh\nexec python -m grpc_tools.protoc "$@"\n');
    await chmod(join(this.folder, 'bin/protoc'), 0o755);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Skips the test, by name, where one of these programs is missing. */
async function requireTools(context: TestContext, tools: Readonly<Record<string, string>>): Promise<void> {
  for (const [tool, question] of Object.entries(tools)) {
    const found = await promisify(execFile)(tool, question.split(' ')).then(
      () => true,
      () => false,
    );
    if (!found) context.skip(`there is no ${tool} here`);
  }
}

describe('docs/clients.md makes stubs', { timeout: LIMIT_MS }, () => {
  it('for Python', async (context) => {
    await requireTools(context, { python3: '-m venv --help', bash: '--version' });
    await using server = await startGateway();
    await using shop = await Workshop.open();
    await shop.run('python3 -m venv venv');
    await shop.run(await linesFor('Python'));
    await shop.write(
      'hello.py',
      `
import grpc
from sluice.v1 import stream_pb2 as pb, stream_pb2_grpc
with grpc.insecure_channel("${server.address}") as channel:
    for message in stream_pb2_grpc.StreamServiceStub(channel).StreamData(iter([pb.DataMessage(session_id="s", data=b"hello")])):
        if message.data: print(message.data.decode())
`,
    );
    expect(await shop.run('python hello.py')).toBe('hello\n');
  });

  it('for Go', async (context) => {
    await requireTools(context, { go: 'version', python3: '-m venv --help', bash: '--version' });
    await using server = await startGateway();
    await using shop = await Workshop.open();
    await shop.protoc();
    await shop.run('go mod init example.com/app');
    await shop.run(await linesFor('Go'));
    await shop.write(
      'main.go',
      `package main

import (
	"context"
	"fmt"

	"example.com/app/sluicepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func main() {
	channel, _ := grpc.NewClient("${server.address}", grpc.WithTransportCredentials(insecure.NewCredentials()))
	stream, _ := sluicepb.NewStreamServiceClient(channel).StreamData(context.Background())
	stream.Send(&sluicepb.DataMessage{SessionId: "s", Data: []byte("hello")})
	stream.CloseSend()
	for message, err := stream.Recv(); err == nil; message, err = stream.Recv() {
		if len(message.GetData()) > 0 {
			fmt.Println(string(message.GetData()))
		}
	}
}
`,
    );
    expect(await shop.run('go mod tidy >&2 && go run .')).toBe('hello\n');
  });

  it('for Java', async (context) => {
    await requireTools(context, { javac: '-version', mvn: '--version', bash: '--version' });
    if (process.platform !== 'linux' || process.arch !== 'x64')
      context.skip('its lines are for Linux on x86_64');
    await using server = await startGateway();
    await using shop = await Workshop.open();
    await shop.run(await linesFor('Java'));
    const dependency = (artifact: string): string =>
      `<dependency><groupId>io.grpc</groupId><artifactId>${artifact}</artifactId><version>1.80.0</version></dependency>`;
    await shop.write(
      'pom.xml',
      `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>app</groupId><artifactId>app</artifactId><version>1</version>
<dependencies>${['grpc-protobuf', 'grpc-stub', 'grpc-netty-shaded'].map(dependency).join('')}</dependencies></project>`,
    );
    await shop.write(
      'src/main/java/Hello.java',
      `import com.google.protobuf.ByteString;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.CountDownLatch;
import sluice.v1.Stream.DataMessage;
import sluice.v1.StreamServiceGrpc;

class Hello {
  public static void main(String[] args) throws Exception {
    var channel = Grpc.newChannelBuilder("${server.address}", InsecureChannelCredentials.create()).build();
    var over = new CountDownLatch(1);
    var call = StreamServiceGrpc.newStub(channel).streamData(new StreamObserver<DataMessage>() {
      public void onNext(DataMessage message) {
        if (!message.getData().isEmpty()) System.out.println(message.getData().toStringUtf8());
      }
      public void onError(Throwable error) { over.countDown(); }
      public void onCompleted() { over.countDown(); }
    });
    call.onNext(DataMessage.newBuilder().setSessionId("s").setData(ByteString.copyFromUtf8("hello")).build());
    call.onCompleted();
    over.await();
    channel.shutdownNow();
  }
}
`,
    );
    await shop.run('mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib >&2');
    await shop.run("javac -nowarn -cp 'lib/*' -d out $(find src -name '*.java')");
    expect(await shop.run("java -cp 'lib/*:out' Hello")).toBe('hello\n');
  });
});
