//! `usages`: one row for each settled request. Request ids sort by time, so the primary key also
//! serves pages in order.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usages")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub request_id: String,
    pub at: i64,
    pub route: String,
    pub provider: String,
    pub credential: Option<String>,
    pub org_id: Option<i64>,
    pub team_id: Option<i64>,
    pub user_id: Option<i64>,
    pub key_id: Option<i64>,
    pub tenant: Option<String>,
    pub operation: String,
    pub dialect: String,
    pub model: String,
    pub input: i64,
    pub output: i64,
    pub cache_read: i64,
    pub cache_write_5m: i64,
    pub cache_write_1h: i64,
    pub reasoning: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub raw_usage: Option<String>,
    /// Decimal text: a float column would round it.
    pub cost: Option<String>,
    pub price_version: Option<String>,
    pub latency_ms: i64,
    pub ttft_ms: Option<i64>,
    pub source: String,
    pub ended: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
