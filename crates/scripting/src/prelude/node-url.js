// `node:url`.

import { URL, URLSearchParams } from 'penstock:url';

export { URL, URLSearchParams };
export default { URL, URLSearchParams };
