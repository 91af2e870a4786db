import { text } from '../formats/text.js';
import { setting } from '../setting.js';
import { common } from './common.js';
import { payload } from './payload.js';

/** A route whose sessions go to a service. */
export const upstream = {
  ...common,
  payload,
  upstream: setting(
    text(/^(?:[A-Za-z][A-Za-z0-9._-]{0,63})?$/, 'the name of one of upstreams'),
    '',
    'Which of upstreams its sessions go to. It has to be given.',
  ),
};
