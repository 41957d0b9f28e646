//! Lists: pages behind a cursor, narrowed down by fields of what is shown.

use std::marker::PhantomData;

use axum::Json;
use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Required, Schema};
use utoipa::{IntoParams, ToSchema};

use super::Resource;
use super::find::{look, parent_id};
use crate::Shared;
use crate::admin::v1::body::pairs;
use crate::admin::v1::problem::Problem;

const DEFAULT_LIMIT: u64 = 100;
/// More would be a long answer, which holds the store's rows and their text in memory at the same time.
const MAX_LIMIT: u64 = 1_000;

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Page<T> {
    /// What is on it.
    pub(in super::super) data: Vec<T>,
    /// The `cursor` of the next page; null on the last one.
    pub(in super::super) next: Option<String>,
}

/// Which part of a list is meant.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Window {
    /// How many at the most; 100 unless told otherwise.
    #[param(minimum = 1, maximum = 1000)]
    pub(in super::super) limit: Option<u64>,
    /// The `next` of the page before.
    pub(in super::super) cursor: Option<String>,
}

/// A field by which a list can be narrowed down.
pub(in super::super) enum Filter {
    /// True or false.
    Flag(&'static str),
    /// A text, or a record that is named by its id or its name.
    Text(&'static str),
}

impl Filter {
    fn name(&self) -> &'static str {
        match self {
            Self::Flag(name) | Self::Text(name) => name,
        }
    }

    fn schema(&self) -> RefOr<Schema> {
        let kind = match self {
            Self::Flag(_) => Type::Boolean,
            Self::Text(_) => Type::String,
        };
        ObjectBuilder::new().schema_type(kind).into()
    }
}

/// What is asked of the list of a resource.
pub(in super::super) struct Listing<R> {
    window: Window,
    filters: Vec<(&'static str, String)>,
    resource: PhantomData<R>,
}

impl<R> Listing<R> {
    /// The first page of all.
    pub(in super::super) fn first() -> Self {
        Self { window: Window::default(), filters: Vec::new(), resource: PhantomData }
    }
}

impl<R: Resource, S: Send + Sync> FromRequestParts<S> for Listing<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let (mut window, mut filters) = (Window::default(), Vec::new());
        for (name, value) in pairs(parts)? {
            let filter = R::FILTERS.iter().find(|filter| filter.name() == name);
            match (name.as_str(), filter) {
                ("limit", _) => {
                    let limit = value.parse();
                    window.limit = Some(limit.map_err(|_| limit_is(&value))?);
                }
                ("cursor", _) => window.cursor = Some(value),
                (_, Some(Filter::Flag(name))) if !["true", "false"].contains(&value.as_str()) => {
                    return Err(Problem::field(name, format!("expected true or false, found {value:?}")));
                }
                (_, Some(filter)) => filters.push((filter.name(), value)),
                (unknown, None) => {
                    let known: Vec<_> = R::FILTERS.iter().map(Filter::name).collect();
                    let known = known.join(", ");
                    let detail = format!("unknown parameter: expected limit, cursor, {known}");
                    return Err(Problem::field(unknown, detail));
                }
            }
        }
        Ok(Self { window, filters, resource: PhantomData })
    }
}

impl<R: Resource> IntoParams for Listing<R> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let filter = |filter: &Filter| {
            ParameterBuilder::new()
                .name(filter.name())
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(format!("Only those with this `{}`.", filter.name())))
                .schema(Some(filter.schema()))
                .build()
        };
        let window = Window::into_params(|| Some(ParameterIn::Query));
        window.into_iter().chain(R::FILTERS.iter().map(filter)).collect()
    }
}

/// `GET` of all, by id.
pub(in super::super) async fn list<R: Resource>(
    state: &Shared,
    parent: Option<&str>,
    asked: Listing<R>,
) -> Result<Json<Page<R::View>>, Problem> {
    let look = look::<R>(state).await?;
    let parent = parent_id::<R>(&look.records, parent)?;
    let limit = page_limit(asked.window.limit)?;
    let after = match asked.window.cursor {
        Some(cursor) => cursor.parse().map_err(|_| cursor_is(&cursor))?,
        None => i64::MIN,
    };
    let mut data = Vec::new();
    let mut last = None;
    for record in R::all(&look.records).iter() {
        if R::id(record) <= after || (parent.is_some() && R::parent(record) != parent) {
            continue;
        }
        let view = R::view(record, &look);
        if !asked.filters.is_empty() && !passes(&view, &asked.filters) {
            continue;
        }
        if data.len() == limit {
            return Ok(Json(Page { data, next: last }));
        }
        last = Some(R::id(record).to_string());
        data.push(view);
    }
    Ok(Json(Page { data, next: None }))
}

/// Whether the view has these values. A record that is named by both is found by either.
fn passes(view: &impl Serialize, filters: &[(&'static str, String)]) -> bool {
    let view = serde_json::to_value(view).unwrap_or_default();
    let is = |value: &Value, wanted: &str| match value {
        Value::String(text) => text == wanted,
        Value::Number(number) => number.to_string() == wanted,
        Value::Bool(flag) => wanted == if *flag { "true" } else { "false" },
        _ => false,
    };
    filters.iter().all(|(name, wanted)| is(&view[*name], wanted) || is(&view[format!("{name}_id")], wanted))
}

/// A page of rows that come as a whole, sorted by a key of theirs.
pub(in super::super) fn page_by<T>(
    rows: Vec<T>,
    key: impl Fn(&T) -> String,
    window: &Window,
) -> Result<Page<T>, Problem> {
    let limit = page_limit(window.limit)?;
    let after = match &window.cursor {
        Some(cursor) => {
            let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|text| String::from_utf8(text).ok());
            Some(text.ok_or_else(|| cursor_is(cursor))?)
        }
        None => None,
    };
    let mut rows: Vec<_> = rows.into_iter().map(|row| (key(&row), row)).collect();
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    rows.retain(|(key, _)| after.as_ref().is_none_or(|after| key > after));
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|(key, _)| URL_SAFE_NO_PAD.encode(key));
    Ok(Page { data: rows.into_iter().map(|(_, row)| row).collect(), next })
}

/// How many are asked for.
pub(in super::super) fn page_limit(limit: Option<u64>) -> Result<usize, Problem> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(limit_is(&limit.to_string()));
    }
    Ok(usize::try_from(limit).unwrap_or(usize::MAX))
}

fn limit_is(found: &str) -> Problem {
    Problem::field("limit", format!("expected 1 to {MAX_LIMIT}, found {found:?}"))
}

fn cursor_is(found: &str) -> Problem {
    Problem::field("cursor", format!("expected the `next` of a page, found {found:?}"))
}
