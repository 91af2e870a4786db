import { type ActionName, actionTable, type KnownControl } from './control-fields.js';
import {
  type Field,
  fieldDefaults,
  fieldSize,
  fieldsOf,
  type FieldTable,
  type FieldValue,
  type FieldValues,
  readField,
  writeField,
} from './field-codec.js';
import type { Control } from './messages.js';
import type { Reader } from './reader.js';
import { bytesFieldSize, WIRE_BYTES, writeVarintField } from './writer.js';

/**
 * How often a message may bring `control`, and how many actions in all of them.
 * Two are merged as protobuf says; every merge makes a new control, and no
 * encoder writes more than one.
 */
export const MAX_CONTROL_PARTS = 16;

interface Action {
  readonly name: ActionName;
  readonly path: string;
  readonly tag: number;
  /** In the order of their numbers, which is that of messages.ts too. */
  readonly fields: readonly Field[];
}

const actions: readonly Action[] = Object.entries(actionTable).map(([name, { number, fields }]) => ({
  name: name as ActionName,
  path: `control.${name}`,
  tag: (number << 3) | WIRE_BYTES,
  fields: fieldsOf(fields as FieldTable, `control.${name}.`),
}));

const actionByName = new Map<string, Action>(actions.map((action) => [action.name, action]));

function actionSize(action: Action, values: FieldValues): number {
  let size = 0;
  for (const field of action.fields) size += fieldSize(field, values[field.name] as FieldValue);
  return size;
}

/** Exact size of the `Control` message, without tag and length. An unknown action is written as none. */
export function controlSize(control: Control): number {
  const action = actionByName.get(control.action);
  return action === undefined ? 0 : bytesFieldSize(actionSize(action, control as unknown as FieldValues));
}

/** Writes the `Control` message; returns the offset after it. */
export function encodeControl(control: Control, target: Uint8Array, offset: number): number {
  const action = actionByName.get(control.action);
  if (action === undefined) return offset;
  const values = control as unknown as FieldValues;
  let position = writeVarintField(target, offset, action.tag, actionSize(action, values));
  for (const field of action.fields) {
    position = writeField(target, position, field, values[field.name] as FieldValue);
  }
  return position;
}

function readAction(reader: Reader, action: Action, before: FieldValues | undefined): KnownControl {
  const values: FieldValues = { action: action.name };
  for (const field of action.fields) values[field.name] = before?.[field.name] ?? fieldDefaults[field.kind];
  while (reader.position < reader.end) {
    const at = reader.position;
    const tag = reader.tag();
    const field = action.fields.find((candidate) => candidate.tag >>> 3 === tag >>> 3);
    if (field?.tag === tag) values[field.name] = readField(reader, field);
    else reader.skip(tag, at, field?.path);
  }
  return values as unknown as KnownControl;
}

/**
 * Reads a `Control` up to the reader's end. Of several actions the last wins;
 * the same one again is merged field by field, also with `before`, the control
 * already read from this message (protobuf's rule for a repeated sub-message).
 * Refuses the 17th action of a message.
 */
export function decodeControl(reader: Reader, before: Control | undefined): Control {
  let control: KnownControl | undefined = before?.action === 'unknown' ? undefined : before;
  let unknownField = before?.action === 'unknown' ? before.field : 0;
  const { end } = reader;
  while (reader.position < end) {
    const at = reader.position;
    const tag = reader.tag();
    const action = actions[(tag >>> 3) - 1];
    if (action?.tag === tag) {
      reader.actions += 1;
      if (reader.actions > MAX_CONTROL_PARTS) {
        reader.fail(
          action.path,
          at,
          `is action ${reader.actions} of the message; at most ${MAX_CONTROL_PARTS} are accepted`,
        );
      }
      reader.end = reader.lengthEnd(action.path);
      control = readAction(
        reader,
        action,
        control?.action === action.name ? (control as unknown as FieldValues) : undefined,
      );
      reader.end = end;
    } else {
      reader.skip(tag, at, action?.path);
      unknownField = tag >>> 3;
    }
  }
  return control ?? { action: 'unknown', field: unknownField };
}
