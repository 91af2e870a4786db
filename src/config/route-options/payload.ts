import { choice } from '../formats/choice.js';
import { setting } from '../setting.js';

export const payload = setting(
  choice(['pieces', 'whole']),
  'pieces',
  'Whether a payload over several messages comes piece by piece, or whole.',
);
