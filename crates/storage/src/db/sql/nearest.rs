//! The search for the nearest rows: by the database, where it can rank them, else by a scan.

mod distance;

use sea_query::{Alias, Expr, Order, Query as Build, SelectStatement};

use super::dialect::to_value;
use super::render::{LARGEST, Render};
use super::{Cell, Column, Kind, Mode, SqlDb, Table, schema};
use crate::db::query::identifier;
use crate::db::value::fits;
use crate::db::vector::{Candidate, Embedding, Scan};
use crate::db::{DbError, Hit, VectorSearch, code};

/// How a database can rank rows by the vectors in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranking {
    /// Not at all: every row is looked at here.
    None,
    /// By the cosine as it is computed here, which SQL calls `penstock_cosine`.
    Cosine,
    /// By the cosine distance of pgvector, in 32 bits.
    Distance,
}

/// A search, and what it needs to know of its table.
struct Nearest<'a> {
    search: &'a VectorSearch,
    embedding: Embedding,
    table: &'a Table,
    vector: &'a Column,
    id: Option<&'a Column>,
    selected: Vec<(&'a Column, String)>,
}

/// No column has such a name.
const RANK: &str = "penstock rank";

impl SqlDb {
    pub(super) async fn nearest(&self, search: &VectorSearch) -> Result<Vec<Hit>, DbError> {
        let query = &search.query;
        let mut named = schema::named(query);
        named.push(&search.column);
        let table = self.require_table(&query.table, named.iter().copied()).await?;
        let vector = table.require(identifier(&search.column)?)?;
        if let Kind::Vector(Some(width)) = vector.kind {
            fits(&vector.name, search.embedding.len(), width)?;
        }
        let nearest = Nearest {
            search,
            embedding: Embedding::new(&search.embedding)?,
            table: &table,
            vector,
            id: table.identity(),
            selected: table.selected(query.returning.as_deref().unwrap_or_default())?,
        };
        if search.min_score.is_some_and(f64::is_nan) {
            return Err(DbError::new(code::BAD_VALUE, "the least score expects a number, found NaN"));
        }
        if search.limit == 0 {
            return Ok(Vec::new());
        }
        // a chain that is cut before it is ranked is no ranking
        let is_whole = query.limit.is_none() && query.offset == 0;
        let found = match self.driver.ranking(&table, vector) {
            Ranking::Cosine if is_whole => self.by_cosine(&nearest).await?,
            Ranking::Distance if is_whole && !nearest.embedding.is_zero() => {
                self.by_distance(&nearest).await?
            }
            _ => self.by_scan(&nearest).await?,
        };
        Ok(nearest.hits(found))
    }

    /// Every row is read and looked at here.
    async fn by_scan(&self, nearest: &Nearest<'_>) -> Result<Vec<Candidate>, DbError> {
        let render = Render::new(self.driver.dialect(), nearest.table);
        let statement = render.select(&nearest.search.query, &nearest.columns())?;
        let mut session = self.driver.begin(Mode::Read).await?;
        let mut scan = nearest.scan();
        session.run_each(statement, &mut |row| nearest.show(&mut scan, row)).await?;
        session.commit().await?;
        Ok(scan.finish())
    }

    /// The database computes the scores; a row that has none comes last.
    async fn by_cosine(&self, nearest: &Nearest<'_>) -> Result<Vec<Candidate>, DbError> {
        let dialect = self.driver.dialect();
        let render = Render::new(dialect, nearest.table);
        let score = format!("penstock_cosine({}, ?)", dialect.quote(&nearest.vector.name));
        let embedding = to_value(Cell::Bytes(nearest.embedding.to_bytes()));
        let score = Expr::cust_with_values(score, [embedding]);
        let mut select = nearest.ranked(render, [(score, RANK)], &nearest.columns()[1..])?;
        select.order_by(Alias::new(RANK), Order::Desc);
        if let Some(id) = nearest.id {
            select.order_by_expr(Expr::cust(render.comparable(id)), Order::Asc);
        }
        select.limit(nearest.search.limit.try_into().unwrap_or(LARGEST).min(LARGEST));
        let mut session = self.driver.begin(Mode::Read).await?;
        let found = session.run(dialect.build(&select)).await?;
        session.commit().await?;
        let least = nearest.search.min_score.unwrap_or(f64::NEG_INFINITY);
        let candidate = |mut row: Vec<Cell>| match row.remove(0) {
            Cell::Real(score) if score >= least => {
                let id = nearest.id.is_some().then(|| row.remove(0));
                Some(Candidate { score, id, row })
            }
            _ => None,
        };
        Ok(found.rows.into_iter().filter_map(candidate).collect())
    }
}

impl<'a> Nearest<'a> {
    /// The vector and the id come first, whatever else is asked for.
    fn columns(&self) -> Vec<&'a Column> {
        let selected = self.selected.iter().map(|(column, _)| *column);
        std::iter::once(self.vector).chain(self.id).chain(selected).collect()
    }

    /// The rows that the filters let through, with what they are ranked by in front.
    fn ranked<const N: usize>(
        &self,
        render: Render<'_>,
        front: [(Expr, &str); N],
        columns: &[&Column],
    ) -> Result<SelectStatement, DbError> {
        let mut select = Build::select();
        for (expression, name) in front {
            select.expr_as(expression, Alias::new(name));
        }
        select.columns(columns.iter().map(|column| Alias::new(&column.name)));
        select.from(Alias::new(&self.table.name));
        select.cond_where(render.condition(&self.search.query.filters)?);
        Ok(select)
    }

    fn scan(&self) -> Scan<'_> {
        Scan::new(&self.embedding, self.search.limit, self.search.min_score)
    }

    /// Shows a row of [`Self::columns`] to `scan`.
    fn show(&self, scan: &mut Scan<'_>, mut row: Vec<Cell>) {
        let rest = row.split_off(1 + usize::from(self.id.is_some()));
        let mut own = row.into_iter();
        if let Some(vector) = own.next() {
            scan.push(&vector, own.next(), rest);
        }
    }

    fn hits(&self, found: Vec<Candidate>) -> Vec<Hit> {
        let hit = |candidate: Candidate| {
            let data = Table::rows(&self.selected, vec![candidate.row]).pop().unwrap_or_default();
            Hit { score: candidate.score, data }
        };
        found.into_iter().map(hit).collect()
    }
}
