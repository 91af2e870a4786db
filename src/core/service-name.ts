/** A service's full name as .proto files write it: `package.Service`, the package left out where there is none. */
export const SERVICE_NAME = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/;
export const MAX_SERVICE_NAME = 256;

/** Whether a service is the gateway's own to serve, whatever anybody else has of that name. */
export function isOwnService(name: string): boolean {
  return (
    name.startsWith('sluice.v1.') || name.startsWith('grpc.reflection.') || name === 'grpc.health.v1.Health'
  );
}
