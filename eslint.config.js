import tseslint from 'typescript-eslint';

/** Time comes from a `Clock` (src/core/clock.ts): tests move it by hand, and a stop can count what is left. */
const timeGlobals = ['setTimeout', 'setInterval', 'setImmediate'].map((name) => ({
  name,
  message: 'Take a Clock (src/core/clock.ts).',
}));

const timeSyntax = [
  {
    selector: 'MemberExpression[object.name="Date"][property.name="now"]',
    message: 'Take a Clock (src/core/clock.ts): clock.wallNow().',
  },
  {
    selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
    message: 'Take a Clock (src/core/clock.ts): new Date(clock.wallNow()).',
  },
  {
    selector: 'MemberExpression[object.name="performance"][property.name="now"]',
    message: 'Take a Clock (src/core/clock.ts): clock.now().',
  },
  {
    selector: 'MemberExpression[object.name="process"][property.name="hrtime"]',
    message: 'Take a Clock (src/core/clock.ts): clock.now().',
  },
  {
    selector: 'MemberExpression[object.object.name="globalThis"][property.name="now"]',
    message: 'Take a Clock (src/core/clock.ts).',
  },
  {
    selector: 'MemberExpression[object.name="globalThis"][property.name=/^set(Timeout|Interval|Immediate)$/]',
    message: 'Take a Clock (src/core/clock.ts).',
  },
];

const timeModules = ['timers', 'node:timers', 'timers/promises', 'node:timers/promises'].map((name) => ({
  name,
  message: 'Take a Clock (src/core/clock.ts).',
}));

const everywhereSyntax = [
  {
    selector: 'TSEnumDeclaration',
    message: 'Use a string union, or a const object for numbers of the wire.',
  },
  { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
  {
    selector: 'MemberExpression[object.name="AbortSignal"][property.name="any"]',
    message: 'It keeps every composition alive as long as its parent: use linkAbort (src/core/signals.ts).',
  },
  {
    selector: 'MemberExpression[object.name="vi"][property.name=/^wait(For|Until)$/]',
    message:
      'It gives up after one second, and a busy machine needs more: use expect.poll, or until (test/helpers).',
  },
];

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', '.cache/', 'bench/.cache/', 'bench/results/', 'bench/peers/go/'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-syntax': ['error', ...everywhereSyntax],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // A codec and a queue step through indexes of several arrays at once.
      '@typescript-eslint/prefer-for-of': 'off',
      // `bytes[i] as number` says, where it is known, what `!` is forbidden to.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      // `() => void done()` and `(callback) => void arm(callback)` say what they mean.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Index signatures are read with brackets (tsconfig's noPropertyAccessFromIndexSignature).
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/core/clock.ts'],
    rules: {
      'no-restricted-globals': ['error', ...timeGlobals],
      'no-restricted-syntax': ['error', ...everywhereSyntax, ...timeSyntax],
      'no-restricted-imports': ['error', { paths: timeModules }],
    },
  },
  {
    // These run in a browser too.
    files: ['src/{core,wire,flow}/**/*.ts'],
    ignores: ['src/core/clock.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...timeGlobals,
        { name: 'process', message: 'This folder runs in a browser too.' },
        {
          name: 'Buffer',
          message: 'This folder runs in a browser too: ask globalThis.Buffer whether it is there.',
        },
      ],
    },
  },
  {
    // The process entry and the commands speak to a terminal.
    files: ['src/main.ts', 'src/cli/**/*.ts', 'bench/**/*.ts', 'examples/**/*.ts', 'deploy/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'examples/**/*.ts', 'deploy/**/*.ts', '*.config.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      // JSON of other programs, private hooks of libraries.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    // What the tools ask for.
    files: ['**/*.config.ts', '**/*.config.js'],
    rules: { 'no-restricted-syntax': 'off' },
  },
);
