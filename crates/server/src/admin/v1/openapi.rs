//! The OpenAPI 3.1 document: what the operations say of themselves, and here once what holds for all of them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};
use utoipa::PartialSchema as _;
use utoipa::openapi::OpenApi;

use super::problem::Document;

/// The document as it is answered, made when it is first asked for.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| super::openapi().to_string().into());

/// This document. It holds no secret, and needs no login.
#[utoipa::path(
    get, path = "/openapi.json", tag = "openapi",
    responses((status = 200, description = "An OpenAPI 3.1 document.", body = inline(super::schema::Anything)))
)]
pub(super) async fn handle() -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.clone()).into_response()
}

/// The methods of a path item.
const METHODS: [&str; 4] = ["get", "post", "patch", "delete"];
/// The operations that need no login.
const OPEN: [&str; 2] = ["/login", "/openapi.json"];
/// Where all paths begin.
const PREFIX: &str = "/admin/v1";

/// What refusals there are, and which operations may answer them.
const REFUSALS: &[(u16, &str, Holds)] = &[
    (400, "The body is not JSON, or could not be read.", |operation| operation.has_body),
    (401, "No key, or one that opens nothing here; a session that has ended.", |operation| {
        operation.is_asked()
    }),
    (403, "Not an administrator, or a change that another site asked for.", |operation| operation.is_asked()),
    (404, "There is no such record.", |operation| operation.path.contains('{')),
    (409, "The name is taken, the record is in use, or more than one is meant.", |operation| {
        operation.changes_records()
    }),
    (413, "The body is too long.", |operation| operation.has_body),
    (415, "The body is neither JSON nor YAML nor TOML.", |operation| operation.path == "/apply"),
    (422, "A field or parameter is missing, unknown, of the wrong type, or cannot be.", |operation| {
        operation.is_asked()
    }),
    (429, "Too many failed logins.", |operation| operation.path == "/login"),
    (500, "The store holds something unreadable, or the system has no random numbers.", |operation| {
        operation.is_asked()
    }),
    (503, "The control store does not answer.", |operation| operation.is_asked()),
];

/// Whether an operation may answer a refusal.
type Holds = fn(&Operation<'_>) -> bool;

struct Operation<'a> {
    path: &'a str,
    method: &'a str,
    has_body: bool,
}

impl Operation<'_> {
    fn is_asked(&self) -> bool {
        self.path != "/openapi.json"
    }

    fn changes_records(&self) -> bool {
        (self.method != "get" && self.path != "/login" && self.path != "/logout")
            || self.path.contains('{')
            || self.path == "/usage"
            || self.path == "/rollups"
            || self.path == "/audit"
            || self.path == "/health"
    }
}

/// The whole document.
pub(super) fn finish(api: &OpenApi) -> Value {
    let mut document = serde_json::to_value(api).unwrap_or_default();
    document["info"] = json!({
        "title": "Penstock admin API",
        "version": "v1",
        "license": {"name": "MIT OR Apache-2.0"},
        "description": "Providers, routes, users, limits, usage and logs of a Penstock gateway. `{…}` in a path \
                        is an id or a name, percent-encoded. Times are unix milliseconds, UTC; money is decimal \
                        text. Every refusal is a problem document (RFC 9457) with a stable `code`.",
    });
    document["components"]["securitySchemes"] = json!({
        "key": {"type": "http", "scheme": "bearer", "description": "The admin key, or a key of an administrator."},
        "session": {"type": "apiKey", "in": "cookie", "name": "penstock_session", "description": "From `POST /login`."},
    });
    document["security"] = json!([{"key": []}, {"session": []}]);
    let mut paths = BTreeMap::new();
    let found = std::mem::take(&mut document["paths"]);
    let mut schemas = std::mem::take(&mut document["components"]["schemas"]);
    schemas["Problem"] = serde_json::to_value(Document::schema()).unwrap_or_default();
    if let Value::Object(found) = found {
        for (path, mut item) in found {
            for method in METHODS {
                if let Some(operation) = item.get_mut(method) {
                    complete(operation, &path, method, &mut schemas);
                }
            }
            paths.insert(format!("{PREFIX}{path}"), item);
        }
    }
    document["paths"] = json!(paths);
    document["components"]["schemas"] = schemas;
    document["components"]["responses"] = REFUSALS
        .iter()
        .map(|(status, says, _)| (status.to_string(), refusal(*status, says)))
        .collect::<Map<_, _>>()
        .into();
    document
}

/// What every operation has, after its path and its method.
fn complete(operation: &mut Value, path: &str, method: &str, schemas: &mut Value) {
    operation["operationId"] = id(path, method).into();
    if OPEN.contains(&path) {
        operation["security"] = json!([]);
    }
    name_parameters(operation, path);
    if method == "patch" {
        loosen_body(operation, schemas);
    }
    let asked = Operation { path, method, has_body: operation.get("requestBody").is_some() };
    for (status, _, holds) in REFUSALS {
        if holds(&asked) {
            let reference = format!("#/components/responses/{status}");
            operation["responses"][status.to_string()] = json!({"$ref": reference});
        }
    }
}

/// `list_providers`, `create_provider_credential` and the like would need to know the singular; the path does.
fn id(path: &str, method: &str) -> String {
    let words: Vec<_> = path
        .split('/')
        .filter(|part| !part.is_empty() && !part.starts_with('{'))
        .map(|part| part.replace(['-', '.'], "_"))
        .collect();
    let one = if path.ends_with('}') { "_one" } else { "" };
    format!("{method}_{}{one}", words.join("_"))
}

fn name_parameters(operation: &mut Value, path: &str) {
    let named = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let named = named.map(|name| {
        json!({
            "name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1},
            "description": "Its id or its name.",
        })
    });
    let mut parameters: Vec<_> = named.collect();
    if let Some(Value::Array(asked)) = operation.get("parameters") {
        parameters.extend(asked.clone());
    }
    operation["parameters"] = parameters.into();
}

/// A change may have any of the fields that a new record has: `XChanges` is `XBody` without what is required.
fn loosen_body(operation: &mut Value, schemas: &mut Value) {
    let reference = &mut operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    let name = reference.as_str().and_then(|path| path.rsplit('/').next()).map(str::to_owned);
    let Some(name) = name else { return };
    let changes = name.replace("Body", "Changes");
    let mut schema = schemas[&name].clone();
    if let Value::Object(schema) = &mut schema {
        schema.remove("required");
        schema.insert("description".to_owned(), "What is to be different; what is absent stays.".into());
    }
    // what a new record starts with is not what a change without the field does
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for property in properties.values_mut().filter_map(Value::as_object_mut) {
            property.remove("default");
        }
    }
    *reference = format!("#/components/schemas/{changes}").into();
    schemas[&changes] = schema;
}

fn refusal(status: u16, says: &str) -> Value {
    let mut response = json!({
        "description": says,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    });
    if status == 429 {
        response["headers"] = json!({
            "retry-after": {"required": true, "description": "Seconds to wait.", "schema": {"type": "integer"}},
        });
    }
    response
}
