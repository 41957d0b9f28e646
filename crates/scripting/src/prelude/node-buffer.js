// `node:buffer`.

import { Buffer, atob, btoa } from 'penstock:buffer';

export { Buffer, atob, btoa };
export default { Buffer, atob, btoa };
