//! `route_permissions`

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "route_permissions")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique_key = "route_permissions_scope_pattern")]
    pub scope: String,
    #[sea_orm(unique_key = "route_permissions_scope_pattern")]
    pub scope_id: i64,
    #[sea_orm(unique_key = "route_permissions_scope_pattern")]
    pub route_pattern: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
