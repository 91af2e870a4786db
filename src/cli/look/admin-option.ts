import { text } from '../frame/option.js';

/** The option of every command that looks at a gateway. */
export const ADMIN = text({
  short: 'a',
  env: 'SLUICE_ADMIN',
  default: 'http://127.0.0.1:9464',
  placeholder: 'URL',
  help: 'The admin address of the gateway.',
  allowed: 'a URL such as http://127.0.0.1:9464, or host:port',
  isRight: (value) => adminUrl(value) !== undefined,
});

/** `host:port` is http; undefined for what is no address. */
export function adminUrl(value: string): URL | undefined {
  const full = value.includes('://') ? value : `http://${value}`;
  if (!/^https?:/i.test(full) || !URL.canParse(full)) return undefined;
  const url = new URL(full);
  return url.username === '' && url.search === '' && url.hash === '' ? url : undefined;
}
