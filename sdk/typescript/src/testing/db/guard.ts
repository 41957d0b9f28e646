// What modules may not do with raw SQL: reach another database, files, or the transaction that holds their statements.
//
// It refuses what the gateway refuses on every dialect, so that a test finds out, and not a deployment.

import { code, DbFailure } from './error.js';
import { isCode, isMark, nameOf, type Token } from './tokens.js';

/** Words that begin a statement that is not for modules. */
const STATEMENTS = new Set(
  `attach detach begin commit end rollback savepoint release start abort prepare execute deallocate do use load grant
  revoke handler install uninstall shutdown kill lock unlock flush reset discard listen call copy import security
  reassign set xa help`.split(/\s+/),
);

/** Names that reach out of the database, wherever they stand. */
const NAMES = new Set(
  `load_extension writefile readfile fts3_tokenizer load_file outfile dumpfile pg_read_file pg_read_binary_file
  pg_ls_dir pg_stat_file lo_import lo_export dblink dblink_exec dblink_connect set_config pg_terminate_backend
  pg_cancel_backend pg_reload_conf query_to_xml table_to_xml schema_to_xml database_to_xml
  pg_execute_server_program`.split(/\s+/),
);

/** What `CREATE`, `ALTER` and `DROP` may not be followed by. */
const OBJECTS = new Set(
  `database schema role user extension function procedure server event tablespace publication subscription language
  foreign routine system group`.split(/\s+/),
);

/** The pragmas that only tell. */
const PRAGMAS = new Set(
  `table_info table_xinfo table_list index_list index_info index_xinfo foreign_key_list foreign_key_check
  integrity_check quick_check compile_options function_list`.split(/\s+/),
);

/** Refuses what is not for modules. */
export function guard(all: readonly Token[]): void {
  const own = all.filter(isCode);
  for (const statement of statements(own)) first(statement);
  for (const [at, token] of own.entries()) {
    const name = nameOf(token);
    if (name === undefined) continue;
    if (NAMES.has(name)) throw refused(name);
    if (name === 'temp' && isMark(own[at + 1], '.')) throw refused('temp.');
  }
}

function statements(own: readonly Token[]): Token[][] {
  const all: Token[][] = [[]];
  for (const token of own) {
    if (isMark(token, ';')) all.push([]);
    else all.at(-1)?.push(token);
  }
  return all;
}

function first(statement: readonly Token[]): void {
  const words = statement.map(nameOf).filter((name) => name !== undefined);
  const skip = words[0] === 'explain' ? 1 : 0;
  const begins = words[skip] ?? '';
  if (STATEMENTS.has(begins) || STATEMENTS.has(words[0] ?? '')) throw refused(begins);
  const object = words.slice(1, 5).find((word) => OBJECTS.has(word));
  if (object !== undefined && ['create', 'alter', 'drop', 'rename', 'comment', 'truncate'].includes(begins)) {
    // a table may well be called user: only what stands where the kind of object stands counts
    const kinds = ['table', 'index', 'view', 'trigger', 'column'];
    const at = words.findIndex((word) => kinds.includes(word));
    if (at < 0 || words.indexOf(object) < at) throw refused(`${begins} ${object}`);
  }
  const assigns = statement.some((token) => isMark(token, '='));
  if (begins === 'pragma' && (assigns || !words.slice(1, 3).some((name) => PRAGMAS.has(name)))) {
    throw refused(`pragma ${words[skip + 1] ?? ''}`);
  }
  if (begins === 'vacuum' && words.includes('into')) throw refused('vacuum into');
  if (begins === 'create' && words.slice(0, 3).some((word) => word === 'temp' || word === 'temporary')) {
    throw refused('create temp');
  }
}

function refused(what: string): DbFailure {
  const hint = 'modules reach their own tables, and nothing else';
  return new DbFailure(code.denied, `${JSON.stringify(what)} is not for modules`, { hint });
}
