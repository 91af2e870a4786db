/** protobufjs, which nobody here wrote, as the judge of the codec's bytes. */
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { type Control, type DataMessage, dataMessage } from '../../src/wire/messages.js';

const root = new protobuf.Root();
root.loadSync(fileURLToPath(new URL('../../proto/sluice/v1/stream.proto', import.meta.url)));

export const oracleMessage = root.lookupType('sluice.v1.DataMessage');
export const oracleBatch = root.lookupType('sluice.v1.DataBatch');
export const oracleControl = root.lookupType('sluice.v1.Control');

type Plain = Record<string, unknown>;

/** As protobufjs takes it: the metadata an object, the action a property named for it. */
export function toOracle(message: DataMessage): Plain {
  const { metadata, control, ...rest } = message;
  return {
    ...rest,
    ...(metadata !== undefined && { metadata: Object.fromEntries(metadata) }),
    ...(control !== undefined && { control: controlToOracle(control) }),
  };
}

function controlToOracle(control: Control): Plain {
  if (control.action === 'unknown') return {};
  const { action, ...fields } = control;
  return { [action]: fields };
}

/** What protobufjs has read, as the codec would give it. */
export function fromOracle(decoded: protobuf.Message): DataMessage {
  const plain = oracleMessage.toObject(decoded, { longs: Number, defaults: false });
  const { metadata, control, ...rest } = plain;
  return dataMessage({
    type: 0,
    ...rest,
    metadata:
      metadata === undefined ? undefined : new Map(Object.entries(metadata as Record<string, string>)),
    control: control === undefined ? undefined : controlFromOracle(control as Plain),
  });
}

function controlFromOracle(control: Plain): Control {
  const [entry] = Object.entries(control);
  if (entry === undefined) return { action: 'unknown', field: 0 };
  const [action, fields] = entry;
  const type = root.lookupType(`sluice.v1.${action.charAt(0).toUpperCase()}${action.slice(1)}`);
  const complete = type.toObject(type.fromObject(fields as Plain), { longs: Number, defaults: true });
  return { action, ...complete } as unknown as Control;
}
