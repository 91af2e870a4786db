/**
 * The import directions of the architecture (docs/architecture.md): each folder
 * of src/ and what it may import, besides itself. Type imports count: knowing
 * a type is knowing its folder.
 */
const CONTRACT = {
  transport: '^src/transport/((client|proxy)-)?contract\\.ts$',
  session: '^src/session/route\\.ts$',
  engine: '^src/engine/contract\\.ts$',
};

const mayImport = {
  core: [],
  config: ['core'],
  wire: ['core'],
  flow: ['core'],
  limits: ['core', 'flow'],
  transport: ['core', 'wire', 'flow'],
  pool: ['core', 'wire', 'flow', CONTRACT.transport],
  session: ['core', 'wire', 'flow'],
  engine: ['core', 'wire', 'flow', 'session'],
  routes: ['core', 'wire', 'flow', 'limits', 'session', 'engine', 'upstream', CONTRACT.transport],
  upstream: ['core', 'wire', 'flow', CONTRACT.transport],
  proxy: ['core', 'wire', 'flow', CONTRACT.transport, 'upstream'],
  auth: ['core', 'flow'],
  health: ['core'],
  metrics: ['core'],
  server: ['core', 'wire', 'flow', CONTRACT.transport, 'pool', 'session'],
  edge: ['core', 'wire', 'flow', ...Object.values(CONTRACT), '^src/transport/net/'],
  admin: ['core'],
  client: ['core', 'wire', 'flow', CONTRACT.transport],
  testing: [
    'core',
    'wire',
    'transport',
    'client',
    'config',
    'session',
    '^src/gateway\\.ts$',
    '^src/routes/middleware/middleware\\.ts$',
  ],
  cli: ['core', 'client', 'config', '^src/gateway(-files)?\\.ts$'],
};

const pathOf = (target) => (target.startsWith('^') ? target : `^src/${target}/`);

/** What composes the parts of its folder: it alone there knows what they are made with. */
const root = { client: '^src/client/(connect|web)\\.ts$' };

const directions = Object.entries(mayImport).map(([folder, targets]) => ({
  name: `${folder}-imports`,
  comment: `src/${folder} may import: ${targets.join(', ') || 'nothing'}.`,
  severity: 'error',
  from: { path: `^src/${folder}/`, ...(root[folder] && { pathNot: root[folder] }) },
  to: { path: '^src/', pathNot: [`^src/${folder}/`, ...targets.map(pathOf)] },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...directions,
    {
      name: 'unlisted-folder',
      comment: 'A new folder of src/ gets its line in mayImport first.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: Object.keys(mayImport).map((folder) => `^src/${folder}/`) },
      to: {},
    },
    {
      name: 'main-imports',
      severity: 'error',
      from: { path: '^src/main\\.ts$' },
      to: { path: '^src/', pathNot: ['^src/(config|cli|core)/', '^src/(gateway|version)\\.ts$'] },
    },
    {
      name: 'connect-imports',
      comment:
        "src/client/connect.ts is the SDK's root: it adds the network to what the other files of src/client may import.",
      severity: 'error',
      from: { path: '^src/client/connect\\.ts$' },
      to: {
        path: '^src/',
        pathNot: ['^src/client/', '^src/transport/grpc/channel\\.ts$', ...mayImport.client.map(pathOf)],
      },
    },
    {
      name: 'web-imports',
      comment:
        'src/client/web.ts is that of the SDK in a browser: another network, and no streams of Node.js.',
      severity: 'error',
      from: { path: '^src/client/web\\.ts$' },
      to: {
        path: '^src/',
        pathNot: ['^src/client/', '^src/transport/websocket-client/', ...mayImport.client.map(pathOf)],
      },
    },
    {
      name: 'web-reaches-no-node',
      comment: 'Nothing that src/client/web.ts loads, however far away, knows Node.js or gRPC.',
      severity: 'error',
      from: { path: '^src/client/web\\.ts$' },
      to: { path: '^src/(client/(connect|session/node-streams)|transport/grpc/.*)\\.ts$', reachable: true },
    },
    {
      name: 'gateway-is-the-root',
      comment: 'gateway.ts knows everyone; nobody but the entries knows it.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(main|index)\\.ts$|^src/(cli|testing)/' },
      to: { path: '^src/(gateway|main|index)\\.ts$' },
    },
    {
      name: 'grpc-only-in-transport',
      comment: 'src/transport/grpc is the only place that knows grpc-js and its companions.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/transport/grpc/' },
      to: { path: 'node_modules/(@grpc/|grpc-health-check|protobufjs)' },
    },
    {
      name: 'config-libraries',
      comment: 'Configuration is read in one place.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/config/' },
      to: { path: 'node_modules/(convict|yaml)/' },
    },
    {
      name: 'runs-in-a-browser',
      comment:
        'core, wire and flow run in a browser too, and so does the SDK but for what is named here: no builtins of Node, no packages.',
      severity: 'error',
      from: {
        path: '^src/(core|wire|flow|client|transport/websocket-client)/',
        pathNot: '^src/client/session/node-streams\\.ts$',
      },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer'] },
    },
    {
      name: 'src-stands-alone',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|examples|deploy)/' },
    },
    {
      name: 'no-dev-dependencies-at-run-time',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: '^src/(main|index)\\.ts$' },
      to: {},
    },
    {
      name: 'resolvable',
      comment:
        "An import that does not resolve. The package's own name does once it is built: examples write it as its users do, and a page loads the bundle beside it.",
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^(?:sluice(/|$)|\\./sluice\\.js$)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^bench/(\\.cache|results|peers/go)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types', 'typings'],
    },
  },
};
