//! `ctx.storage` as scripts see it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use penstock_pipeline::Hook;
use penstock_storage::kv::{Keep, Key, KvStore, Remaining, Ttl};
use penstock_storage::{ErrorKind, Kind, Result, StorageAdapter, StorageError};
use serde_json::json;

use crate::rig::{context, module, out, pre_module};

#[tokio::test]
async fn keys_and_values() {
    for (body, expected) in [
        ("return ctx.storage.kind", json!("local")),
        ("await kv.set('a', 'b'); return [await kv.get('a'), await kv.get('none')]", json!(["b", null])),
        ("await kv.set('n', 5 as any); return await kv.get('n')", json!("5")),
        (
            "return [await kv.setNx('l', '1', 10), await kv.setNx('l', '2', 10), await kv.get('l')]",
            json!([true, false, "1"]),
        ),
        (
            "await kv.set('t', 'x', 100); return [await kv.ttl('t'), await kv.ttl('none'), (await kv.set('f', 'x'), await kv.ttl('f'))]",
            json!([100, -2, -1]),
        ),
        ("return [await kv.incr('i'), await kv.incr('i', 5), await kv.incr('i', -2, 10)]", json!([1, 6, 4])),
        (
            "return [await kv.cas('c', null, 'a'), await kv.cas('c', 'b', 'x'), await kv.cas('c', 'a', 'y'), await kv.get('c')]",
            json!([true, false, true, "y"]),
        ),
        (
            "await kv.set('d', '1'); await kv.del('d'); await kv.del('d'); return await kv.get('d')",
            json!(null),
        ),
        ("await kv.set('v', '1', 60, { volatile: true }); return await kv.get('v')", json!("1")),
        ("await kv.set('bad', '1', Infinity); return await kv.get('bad')", json!(null)),
        ("await kv.set('over', '1', -1); return await kv.get('over')", json!(null)),
        ("return (await Promise.all([kv.set('p', '1'), kv.get('p')])).length", json!(2)),
    ] {
        assert_eq!(out(&format!("const {{ kv }} = ctx.storage; {body}")).await, expected, "{body}");
    }
    for (body, said) in [
        ("await kv.get('')", "expected a key of 1 to 1024 bytes, found 0"),
        (
            "await kv.set('a', { b: 1 })",
            "kv.set: expected a text as value, found object: JSON.stringify makes one of it",
        ),
        ("await kv.get(5)", "kv.get: expected a text as key, found number"),
        ("await kv.set('t', 'x'); await kv.incr('t')", "kv.incr"),
        ("await kv.incr('t', 1.5)", "kv.incr: expected a whole number, found 1.5"),
    ] {
        let said_by = out(&format!(
            "const {{ kv }} = ctx.storage as any; try {{ {body} }} catch (e) {{ return e.message }}"
        ))
        .await;
        assert!(said_by.as_str().is_some_and(|text| text.contains(said)), "{body}: {said_by}");
    }
}

#[tokio::test]
async fn tables() {
    const SETUP: &str = "const { db } = ctx.storage as any;
        await db.raw('CREATE TABLE IF NOT EXISTS t (id TEXT PRIMARY KEY, n INTEGER, ok BOOLEAN, doc JSON, v VECTOR(2), b BLOB)');
        await db.from('t').insert([{ id: 'a', n: 1, ok: true, doc: { x: [1] }, v: [1, 0] }, { id: 'b', n: 2, ok: false, v: [0, 1] }, { id: 'c', n: null }]);";
    for (body, expected) in [
        ("return (await db.from('t').select('id, n').eq('id', 'a')).data", json!([{ "id": "a", "n": 1 }])),
        (
            "return await db.from('t').select('id, ok, doc').eq('id', 'a').single()",
            json!({ "data": { "id": "a", "ok": true, "doc": { "x": [1] } }, "error": null, "count": null, "status": 200, "statusText": "OK" }),
        ),
        (
            "const { data, error } = await db.from('t').select().eq('id', 'z').single(); return [data, error.code]",
            json!([null, "PGRST116"]),
        ),
        ("return (await db.from('t').select('id').eq('id', 'z').maybeSingle()).data", json!(null)),
        ("return (await db.from('t').select('*', { count: 'exact', head: true })).count", json!(3)),
        (
            "return (await db.from('t').select('id').order('n', { ascending: false })).data.map((r: any) => r.id)",
            json!(["c", "b", "a"]),
        ),
        (
            "return (await db.from('t').select('id').order('n', { nullsFirst: true }).limit(1)).data",
            json!([{ "id": "c" }]),
        ),
        ("return (await db.from('t').select('id').order('id').range(1, 2)).data.length", json!(2)),
        (
            "return (await db.from('t').select('id').in('id', ['a', 'c']).not('n', 'is', null)).data",
            json!([{ "id": "a" }]),
        ),
        ("return (await db.from('t').select('id').or('n.eq.2,id.eq.a').order('id')).data.length", json!(2)),
        ("return (await db.from('t').select('id').match({ n: 2, ok: false })).data", json!([{ "id": "b" }])),
        (
            "return (await db.from('t').select('id').filter('n', 'gte', 2).ilike('id', 'B')).data",
            json!([{ "id": "b" }]),
        ),
        ("return (await db.from('t').select('id').contains('doc', { x: [1] })).data", json!([{ "id": "a" }])),
        ("return (await db.from('t').update({ n: 9 }).eq('id', 'a').select('n')).data", json!([{ "n": 9 }])),
        ("return (await db.from('t').update({ n: 9 })).error.code", json!("PS001")),
        ("return (await db.from('t').delete().match({}).select('id')).data.length", json!(3)),
        (
            "return (await db.from('t').upsert({ id: 'a', n: 7 }, { onConflict: 'id' }).select('n').single()).data",
            json!({ "n": 7 }),
        ),
        ("return (await db.from('t').insert({ id: 'a' })).error.code", json!("23505")),
        (
            "const r = await db.from('none').select(); return [r.data, r.error.code, r.status]",
            json!([null, "42P01", 404]),
        ),
        (
            "return (await db.from('t').eq('id', 'a')).error.message",
            json!(
                "expected select, insert, upsert, update or delete at the beginning of a chain, found \"eq\""
            ),
        ),
        (
            "return (await db.from('t').select().limit('x')).error.message",
            json!("limit: expected a whole number as argument 1"),
        ),
        ("return (await db.from('t; drop table t').select()).error !== null", json!(true)),
        (
            "return (await db.from('t').select('id').vectorSearch('v', [1, 0.1], { limit: 1 })).map((hit: any) => [hit.data.id, hit.score > 0.99])",
            json!([["a", true]]),
        ),
        (
            "return (await db.from('t').vectorSearch('v', new Float32Array([0, 1]), { minScore: 0.9 })).map((hit: any) => hit.data.id)",
            json!(["b"]),
        ),
        ("return await db.raw('SELECT id FROM t WHERE n = ? ORDER BY id', [2])", json!([{ "id": "b" }])),
        ("try { await db.raw('SELECT nonsense FROM t') } catch (e: any) { return e.code }", json!("42703")),
        (
            "const q = db.from('t').insert({ id: 'once' }); await q; await q; return (await db.from('t').select('id').eq('id', 'once')).data.length",
            json!(1),
        ),
        (
            "await db.from('t').update({ b: Buffer.from('hi') }).eq('id', 'a'); return (await db.from('t').select('b').eq('id', 'a').single()).data.b",
            json!("aGk="),
        ),
        (
            "const [one, other] = await Promise.all([db.from('t').select('id').eq('id', 'a'), db.from('t').select('id').eq('id', 'b')]); return [one.data[0].id, other.data[0].id]",
            json!(["a", "b"]),
        ),
    ] {
        assert_eq!(out(&format!("{SETUP} {body}")).await, expected, "{body}");
    }
}

#[tokio::test]
async fn blobs_and_health() {
    for (body, expected) in [
        (
            "await blob.put('a/b', 'text'); const got = await blob.get('a/b'); return [Buffer.isBuffer(got), got.toString()]",
            json!([true, "text"]),
        ),
        (
            "await blob.put('bytes', Buffer.from([0, 255, 128])); return Array.from(await blob.get('bytes'))",
            json!([0, 255, 128]),
        ),
        ("return await blob.get('none')", json!(null)),
        (
            "await blob.put('l/2', ''); await blob.put('l/1', ''); await blob.delete('none'); return await blob.list('l/')",
            json!(["l/1", "l/2"]),
        ),
        ("try { await blob.put('../up', 'x') } catch (e: any) { return e.name }", json!("Error")),
        (
            "try { await blob.put('a', 5) } catch (e: any) { return e.message }",
            json!("blob.put: expected a Buffer or a text as content, found number"),
        ),
        (
            "const health = await ctx.storage.health(); return [health.ok, health.details.kv.backend]",
            json!([true, "memory"]),
        ),
    ] {
        assert_eq!(out(&format!("const blob = (ctx.storage as any).blob; {body}")).await, expected, "{body}");
    }
}

#[tokio::test]
async fn what_init_keeps_is_there_in_the_hooks() {
    let module = module(
        "let store: any; export default { name: 'm', version: '1',
            async init(storage: any) { store = storage; await store.kv.set('ready', 'yes') },
            async pre(ctx: any) { ctx.metadata.set('out', [await store.kv.get('ready'), store === ctx.storage]); return { continue: true } } }",
    )
    .await;
    assert!(module.hooks().has(Hook::Init));
    let mut context = context().await;
    module.init(&context.storage).await.unwrap();
    module.pre(&mut context).await.unwrap();
    assert_eq!(context.metadata.get("out"), Some(&json!(["yes", true])));
}

#[tokio::test]
async fn an_isolated_storage_is_another_one() {
    let module = pre_module("ctx.metadata.set('out', await ctx.storage.kv.incr('n'))").await;
    let mut context = context().await;
    let shared = context.storage.clone();
    for (storage, expected) in [(shared.clone(), 1), (shared.isolated("m").unwrap(), 1), (shared, 2)] {
        context.storage = storage;
        module.pre(&mut context).await.unwrap();
        assert_eq!(context.metadata.get("out"), Some(&json!(expected)));
    }
}

/// A store that is away.
#[derive(Debug)]
struct Away;

fn away<T>(operation: &'static str) -> Result<T> {
    Err(StorageError::new(ErrorKind::Unavailable, "away", operation, "it is away"))
}

#[async_trait]
impl KvStore for Away {
    fn backend(&self) -> &'static str {
        "away"
    }
    async fn get(&self, _: &Key) -> Result<Option<String>> {
        away("kv.get")
    }
    async fn set(&self, _: &Key, _: &str, _: Ttl, _: Keep) -> Result<()> {
        away("kv.set")
    }
    async fn set_nx(&self, _: &Key, _: &str, _: Ttl) -> Result<bool> {
        away("kv.set_nx")
    }
    async fn del(&self, _: &Key) -> Result<()> {
        away("kv.del")
    }
    async fn ttl(&self, _: &Key) -> Result<Remaining> {
        away("kv.ttl")
    }
    async fn incr(&self, _: &Key, _: i64, _: Ttl) -> Result<i64> {
        // it may take a while to find out
        tokio::time::sleep(Duration::from_millis(1)).await;
        away("kv.incr")
    }
    async fn cas(&self, _: &Key, _: Option<&str>, _: &str, _: Ttl) -> Result<bool> {
        away("kv.cas")
    }
    async fn health(&self) -> Result<()> {
        away("kv.health")
    }
}

#[tokio::test]
async fn a_storage_that_is_away_is_told_apart_from_a_mistake() {
    let up = crate::rig::storage().await;
    drop(up);
    let database = Arc::new(penstock_storage::db::sqlite::SqliteDriver::memory().await.unwrap());
    let blob = Arc::new(penstock_storage::blob::memory::MemoryBlob::new());
    let mut context = context().await;
    context.storage = StorageAdapter::new(Kind::Cloud, Arc::new(Away), database, blob);
    for (body, is_storage) in [
        ("await ctx.storage.kv.incr('n')", true),
        ("await ctx.storage.kv.cas('n', null, '1')", true),
        (
            "try { await ctx.storage.kv.incr('n') } catch (cause) { throw new Error('cannot count', { cause }) }",
            true,
        ),
        (
            "if (await ctx.storage.kv.get('n') !== null) throw new Error('there'); throw new Error('of the script')",
            false,
        ),
    ] {
        let error = pre_module(body).await.pre(&mut context).await.unwrap_err();
        assert_eq!(error.is_storage, is_storage, "{body}: {error}");
    }
    let fails =
        "export default { name: 'm', version: '1', async init(storage: any) { await storage.kv.incr('n') } }";
    assert!(module(fails).await.init(&context.storage).await.unwrap_err().is_storage);
}
