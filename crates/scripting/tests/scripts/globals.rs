//! What scripts find without importing it.

use serde_json::json;

use crate::rig::out;

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
async fn globals_do_what_they_do_elsewhere() {
    for (body, expected) in [
        ("return Buffer.from('héllo').toString('hex')", json!("68c3a96c6c6f")),
        ("return Buffer.from('68c3a9', 'hex').toString()", json!("hé")),
        (
            "return Buffer.from('hi?>').toString('base64') + Buffer.from('hi?>').toString('base64url')",
            json!("aGk/Pg==aGk_Pg"),
        ),
        ("return Buffer.from('aGk_Pg', 'base64').toString()", json!("hi?>")),
        ("return Buffer.concat([Buffer.from('a'), new Uint8Array([98])]).toString()", json!("ab")),
        (
            "return [Buffer.isBuffer(Buffer.alloc(2)), Buffer.byteLength('é'), Buffer.from('abc').slice(1).toString()]",
            json!([true, 2, "bc"]),
        ),
        (
            "return [Buffer.from('abc').equals(Buffer.from('abc')), Buffer.from('abcab').indexOf('ca'), Buffer.from([1, 2]).readUInt16BE()]",
            json!([true, 2, 258]),
        ),
        ("return JSON.stringify(Buffer.from('a'))", json!("{\"type\":\"Buffer\",\"data\":[97]}")),
        ("return atob(btoa('a\\xff')).charCodeAt(1)", json!(255)),
        ("try { btoa('€') } catch (e: any) { return e.name }", json!("InvalidCharacterError")),
        (
            "const u = new URL('/b?x=1#h', 'https://user:pw@example.com:8443/a'); return [u.href, u.host, u.pathname, u.search, u.searchParams.get('x')]",
            json!(["https://user:pw@example.com:8443/b?x=1#h", "example.com:8443", "/b", "?x=1", "1"]),
        ),
        (
            "const u = new URL('https://a.com/'); u.searchParams.append('q', 'ä b'); u.pathname = '/p'; return String(u)",
            json!("https://a.com/p?q=%C3%A4+b"),
        ),
        (
            "try { new URL('nope') } catch (e: any) { return [e instanceof TypeError, e.code] }",
            json!([true, "ERR_INVALID_URL"]),
        ),
        (
            "return [...new URLSearchParams('a=1&b=%20&a=2&c=+%zz')]",
            json!([["a", "1"], ["b", " "], ["a", "2"], ["c", " %zz"]]),
        ),
        ("return Array.from(new TextEncoder().encode('é'))", json!([195, 169])),
        (
            "const d = new TextDecoder(); return d.decode(new Uint8Array([0xc3]), { stream: true }) + d.decode(new Uint8Array([0xa9]))",
            json!("é"),
        ),
        (
            "try { new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([255])) } catch (e: any) { return e.name }",
            json!("TypeError"),
        ),
        (
            "const c: any = structuredClone({ m: new Map([[1, new Date(0)]]), s: new Set([1]), n: [undefined] }); return [c.m.get(1).toISOString(), c.s.has(1), c.n.length]",
            json!(["1970-01-01T00:00:00.000Z", true, 1]),
        ),
        (
            "const a: any = {}; a.self = a; const c = structuredClone(a); return c !== a && c.self === c",
            json!(true),
        ),
        ("try { structuredClone(() => 1) } catch (e: any) { return e.name }", json!("DataCloneError")),
        ("return await new Promise((resolve) => setTimeout(resolve, 5, 'later'))", json!("later")),
        (
            "let n = 0; return await new Promise((resolve) => { const t = setInterval(() => { if (++n === 3) { clearInterval(t); resolve(n) } }, 1) })",
            json!(3),
        ),
        (
            "let fired = false; clearTimeout(setTimeout(() => { fired = true }, 1)); await new Promise((r) => setTimeout(r, 10)); return fired",
            json!(false),
        ),
        (
            "const order: string[] = []; queueMicrotask(() => order.push('micro')); setTimeout(() => order.push('macro'), 0); await new Promise((r) => setTimeout(r, 5)); return order",
            json!(["micro", "macro"]),
        ),
        (
            "return /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID())",
            json!(true),
        ),
        ("return crypto.getRandomValues(new Uint8Array(8)).some((byte) => byte > 0)", json!(true)),
        (
            "return Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode('abc'))).toString('hex')",
            json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ),
        (
            "const { createHash } = await import('node:crypto'); return ['sha256', 'sha1', 'md5'].map((name) => createHash(name).update('a').update('bc').digest('hex').slice(0, 8))",
            json!(["ba7816bf", "a9993e36", "90015098"]),
        ),
        (
            "const { createHash } = await import('node:crypto'); return createHash('sha1').update('abc').digest('base64')",
            json!("qZk+NkcGgWq6PiVxeFDCbJzQ2J0="),
        ),
        ("return performance.now() >= 0 && performance.now() < 1e6", json!(true)),
        (
            "const c = new AbortController(); setTimeout(() => c.abort(), 1); return await new Promise((r) => c.signal.addEventListener('abort', () => r(c.signal.reason.name)))",
            json!("AbortError"),
        ),
        (
            "return typeof process + typeof require + typeof Deno + typeof globalThis.__penstock",
            json!("undefinedundefinedundefinedundefined"),
        ),
        (
            "const h = new Headers({ 'X-A': '1' }); h.append('x-a', '2'); return [h.get('X-a'), [...h]]",
            json!(["1, 2", [["x-a", "1, 2"]]]),
        ),
        ("return await Response.json({ a: 1 }, { status: 201 }).json()", json!({ "a": 1 })),
        ("return new Intl_().a; function Intl_(this: any) { this.a = 1 }", json!(1)),
        (
            "const { n = 2, ...rest } = { a: 1 } as any; return [n ** 2, rest?.a ?? 0, [1, 2].at(-1), Object.groupBy([1, 2, 3], (x: number) => x % 2 ? 'odd' : 'even')]",
            json!([4, 1, 2, { "odd": [1, 3], "even": [2] }]),
        ),
    ] {
        assert_eq!(out(body).await, expected, "{body}");
    }
}

#[tokio::test]
async fn both_ways_to_log_do_not_fail_whatever_is_logged() {
    for body in [
        "ctx.logger.info('hello %s', 'you', { a: 1 }, [1n], undefined, null, () => 1)",
        "ctx.logger.warn({ count: 3 }, 'stored')",
        "ctx.logger.error(new Error('no'), 'not stored')",
        "const circle: any = {}; circle.self = circle; ctx.logger.debug(circle); console.log(circle, new Map([[1, circle]]))",
        "console.log(); console.error(Symbol('s'), new Date(NaN)); console.table([{ a: 1 }]); console.assert(false, 'x')",
        "ctx.logger.info({ get bad() { throw new Error('bad') } }, 'message')",
        "const { info } = ctx.logger; info('unbound')",
    ] {
        assert_eq!(out(&format!("{body}; return 'logged'")).await, "logged", "{body}");
    }
}
