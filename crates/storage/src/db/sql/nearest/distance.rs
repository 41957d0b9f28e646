//! With pgvector and libSQL: the server narrows the rows down, and the cosine of those that are left decides.
//!
//! Both compute in 32 bits, so their order is not quite the right one. How far it can be off is known
//! ([`doubt`]): a few more rows than wanted are fetched, and if another row could still be one of the best, so
//! are all that could. An approximate search takes what an index gives, where there is one.

use sea_query::{Alias, Expr, Order, SelectStatement};

use super::super::{Cell, Dialect, Kind, Mode, Session, Statement};
use super::{Candidate, DbError, LARGEST, Nearest, RANK, Render, Scan, SqlDb};

/// Rows beyond those that are wanted.
const MORE: usize = 16;
/// No column has such a name.
const VECTOR: &str = "penstock vector";
/// By what an exact search orders rows: their distance, but first those of which the server cannot tell it.
/// pgvector says 1 or nothing where a vector is too long for its squares to be numbers of 32 bits, and also where
/// it points nowhere, whose cosine is 0.
const ORDER_OF_PGVECTOR: &str = "CASE WHEN \"penstock rank\" = 1 OR \"penstock rank\" = 'NaN' \
                                 THEN CASE WHEN vector_norm(\"penstock vector\") > 1e18 THEN -1 ELSE 1 END \
                                 ELSE \"penstock rank\" END";
/// libSQL says so too, and cannot tell how long a vector is: all of those are looked at.
const ORDER_OF_LIBSQL: &str = "CASE WHEN \"penstock rank\" = 1 OR \"penstock rank\" IS NULL THEN -1.0 \
                               ELSE \"penstock rank\" END";
/// What makes an index thorough: it looks at so many candidates, and goes on if filters leave too few.
const THOROUGH: [&str; 4] = [
    "SET LOCAL hnsw.ef_search = 400",
    "SET LOCAL hnsw.iterative_scan = strict_order",
    "SET LOCAL ivfflat.probes = 64",
    "SET LOCAL ivfflat.iterative_scan = relaxed_order",
];

impl SqlDb {
    pub(super) async fn by_distance(&self, nearest: &Nearest<'_>) -> Result<Vec<Candidate>, DbError> {
        let render = Render::new(self.driver.dialect(), nearest.table);
        let is_pgvector = matches!(render.dialect(), Dialect::Postgres { .. });
        if is_pgvector && !nearest.search.exact {
            match self.by_index(nearest, nearest.distances(render)?).await {
                // an older pgvector has other settings
                Err(error) if error.status < 500 => tracing::debug!(%error, "no approximate search"),
                found => return found,
            }
        }
        let Statement { sql: rows, parameters } = render.dialect().build(&nearest.distances(render)?);
        // the offset is a fence: an index would not give the rows by their order, but about so
        let (order, fence) =
            if is_pgvector { (ORDER_OF_PGVECTOR, "OFFSET 0") } else { (ORDER_OF_LIBSQL, "LIMIT -1") };
        let rows = format!("SELECT *, {order} FROM ({rows} {fence}) AS found");
        let wanted = nearest.wanted();
        let sql = format!("{rows} ORDER BY {order} LIMIT {wanted}");
        let mut session = self.driver.begin(Mode::Read).await?;
        let mut scan = nearest.scan();
        let statement = Statement { sql, parameters: parameters.clone() };
        let (shown, farthest) = nearest.show_all(&mut *session, statement, &mut scan).await?;
        let (threshold, doubt) = (scan.threshold(), doubt(nearest.width()));
        if shown < wanted || 1.0 - farthest + doubt < threshold {
            return Ok(scan.finish());
        }
        // the rows are close together
        let farthest = if threshold.is_finite() { 1.0 - threshold + doubt } else { f64::MAX };
        let sql = format!("{rows} WHERE {order} <= {farthest:e}");
        let mut scan = nearest.scan();
        nearest.show_all(&mut *session, Statement { sql, parameters }, &mut scan).await?;
        session.commit().await?;
        Ok(scan.finish())
    }

    /// What an index finds; without one, what pgvector holds for the nearest rows.
    async fn by_index(
        &self,
        nearest: &Nearest<'_>,
        mut select: SelectStatement,
    ) -> Result<Vec<Candidate>, DbError> {
        select.order_by(Alias::new(RANK), Order::Asc).limit(nearest.wanted());
        // a transaction, because the settings are for it alone
        let mut session = self.driver.begin(Mode::Write).await?;
        for setting in THOROUGH {
            session.run(Statement::plain(setting)).await?;
        }
        let mut scan = nearest.scan();
        let statement = self.driver.dialect().build(&select);
        session
            .run_each(statement, &mut |mut row| {
                row.remove(0);
                nearest.show(&mut scan, row);
            })
            .await?;
        session.commit().await?;
        Ok(scan.finish())
    }
}

impl Nearest<'_> {
    /// The rows with vectors that the filters let through, with their distances and vectors in front.
    fn distances(&self, render: Render<'_>) -> Result<SelectStatement, DbError> {
        let quoted = render.dialect().quote(&self.vector.name);
        let embedding = self.embedding.to_unit(self.width());
        let distance = if let Dialect::Postgres { .. } = render.dialect() {
            let numbers: Vec<String> = embedding.iter().map(f32::to_string).collect();
            let distance = format!("{quoted} <=> CAST($1 AS vector)");
            Expr::cust_with_values(distance, [format!("[{}]", numbers.join(","))])
        } else {
            let bytes: Vec<u8> = embedding.iter().flat_map(|number| number.to_le_bytes()).collect();
            // two of another width are an error there, and a text is not looked into
            let fits = format!("typeof({quoted}) = 'blob' AND length({quoted}) = {}", bytes.len());
            let distance = format!("CASE WHEN {fits} THEN vector_distance_cos({quoted}, ?) END");
            Expr::cust_with_values(distance, [bytes])
        };
        let front = [(distance, RANK), (Expr::col(Alias::new(&self.vector.name)), VECTOR)];
        let mut select = self.ranked(render, front, &self.columns()[1..])?;
        select.and_where(Expr::cust(format!("{quoted} IS NOT NULL")));
        Ok(select)
    }

    /// How many rows an ordered statement asks for.
    fn wanted(&self) -> u64 {
        self.search.limit.saturating_add(MORE).try_into().unwrap_or(LARGEST).min(LARGEST)
    }

    /// As many numbers as every vector of the column has.
    fn width(&self) -> usize {
        match self.vector.kind {
            Kind::Vector(Some(width)) => width,
            _ => self.search.embedding.len(),
        }
    }

    /// Shows the rows of a statement to `scan`: how many there were, and the order of the last.
    async fn show_all(
        &self,
        session: &mut dyn Session,
        statement: Statement,
        scan: &mut Scan<'_>,
    ) -> Result<(u64, f64), DbError> {
        let (mut shown, mut order) = (0, 0.0);
        let mut take = |mut row: Vec<Cell>| {
            shown += 1;
            if let Some(Cell::Real(last)) = row.pop() {
                order = last;
            }
            row.remove(0);
            self.show(scan, row);
        };
        session.run_each(statement, &mut take).await?;
        Ok((shown, order))
    }
}

/// By how much a cosine may be wrong that is computed in 32 bits: three sums of `width` products, each of which
/// may be off by half of the last bit for every addition.
#[expect(clippy::cast_precision_loss, reason = "a vector has at most thousands of numbers")]
fn doubt(width: usize) -> f64 {
    (width + 8) as f64 * f64::from(f32::EPSILON)
}
