import { choice } from '../formats/choice.js';
import { duration } from '../formats/duration.js';
import { freeMap } from '../formats/free-map.js';
import { modulePath } from '../formats/relative-path.js';
import { setting } from '../setting.js';
import { common, OVERFLOW, OVERFLOWS } from './common.js';

/** A route whose code is a module of the user's own. */
export const module = {
  ...common,
  overflow: setting(
    choice(['module', ...OVERFLOWS]),
    'module',
    `${OVERFLOW} module: as the module says, else block.`,
  ),
  path: setting(
    modulePath(),
    '',
    'The ES module whose default export, made by defineRoute, is the route. Relative to the file that names it. Required.',
  ),
  options: setting(freeMap(), {}, 'What the module is told: a map of your own. Its values are never shown.'),
  loadTimeout: setting(duration(), '30s', 'How long the module may take to load, and its start.'),
};
