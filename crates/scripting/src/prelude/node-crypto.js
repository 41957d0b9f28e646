// `node:crypto`.

import * as all from 'penstock:crypto';

export * from 'penstock:crypto';
export default all;
