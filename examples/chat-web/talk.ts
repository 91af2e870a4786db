/** What is said in the example. */

export type Voice = 'ann' | 'bert' | 'harbourmaster';

export const TALK: readonly (readonly [who: Voice, text: string])[] = [
  ['bert', 'Morning! Is anybody watching the entrance today?'],
  ['ann', 'I am, from my browser on the quay.'],
  ['ann', 'Two sails and the ferry so far.'],
  ['harbourmaster', 'Notice: berth 4 stays closed until 14:00 (crane inspection).'],
  ['bert', 'Thanks. Then I bring the Seagull in at berth 6.'],
  ['ann', 'Berth 6 is free. Mind the buoy, it has drifted.'],
  ['harbourmaster', 'Notice: wind 5 to 6 from the south-west after noon.'],
  ['bert', 'Seen the buoy. Ten minutes out.'],
  // Her network is gone while these two are said.
  ['bert', 'Moored! Everything fine here.'],
  ['ann', 'Lost my network for a moment. Welcome back, Seagull!'],
];

/** Said afterwards by each of them, for the count. */
export const PRACTICE: readonly string[] = Array.from({ length: 100 }, (_, index) => `Line ${index + 1}`);
