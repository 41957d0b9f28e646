//! An event as one line of JSON: the time, the level, its fields, its target.
//!
//! There is such a line for each request, so it is written straight into the line's text, in one pass. There
//! are no spans here, so none are looked for.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        line.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut line)?;
        line.write_str("\",\"level\":\"")?;
        line.write_str(event.metadata().level().as_str())?;
        line.write_char('"')?;
        let mut fields = Fields { line, written: Ok(()) };
        event.record(&mut fields);
        let Fields { mut line, written } = fields;
        written?;
        line.write_str(",\"target\":\"")?;
        Escaped(&mut line).write_str(event.metadata().target())?;
        line.write_str("\"}\n")
    }
}

/// Writes the fields of an event behind what is there.
struct Fields<'a> {
    line: Writer<'a>,
    /// The first error: a visitor cannot return one.
    written: fmt::Result,
}

impl Fields<'_> {
    fn field(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.written.is_ok() {
            let line = &mut self.line;
            let name = |line: &mut Writer<'_>| {
                line.write_str(",\"")?;
                line.write_str(field.name())?;
                line.write_str("\":")
            };
            self.written = name(line).and_then(|()| value(line));
        }
    }

    fn text(&mut self, field: &Field, value: impl FnOnce(&mut Escaped<'_, '_>) -> fmt::Result) {
        self.field(field, |line| {
            line.write_char('"')?;
            value(&mut Escaped(line))?;
            line.write_char('"')
        });
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, |text| write!(text, "{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, |text| text.write_str(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, |line| line.write_str(if value { "true" } else { "false" }));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, |line| write!(line, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, |line| write!(line, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON knows neither infinity nor what is no number
        self.field(
            field,
            |line| if value.is_finite() { write!(line, "{value:?}") } else { line.write_str("null") },
        );
    }
}

/// The inside of a JSON string.
struct Escaped<'a, 'line>(&'a mut Writer<'line>);

impl Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || matches!(byte, b'"' | b'\\')) {
            let (plain, behind) = rest.split_at(at);
            self.0.write_str(plain)?;
            match behind.as_bytes()[0] {
                b'\n' => self.0.write_str("\\n")?,
                byte @ (b'"' | b'\\') => write!(self.0, "\\{}", char::from(byte))?,
                byte => write!(self.0, "\\u{byte:04x}")?,
            }
            // what is escaped is ASCII
            rest = &behind[1..];
        }
        self.0.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Debug, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn lines(events: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::fmt().with_writer(lines.clone()).event_format(JsonLine).finish();
        tracing::subscriber::with_default(subscriber, events);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn every_kind_of_field_is_read_back() {
        let hard = "a \"quote\", a \\, a line\nand a \u{1}, é 🎉";
        let error: &dyn std::error::Error = &fmt::Error;
        let found = lines(|| {
            tracing::warn!(
                target: "penstock::access",
                hard, shown = %hard, held = ?Some("x"), error, yes = true, less = -3, more = u64::MAX, part = 0.5,
                nothing = f64::NAN, absent = Option::<u64>::None,
                "a message with {hard:?}"
            );
            tracing::info!("second");
        });
        let [first, second] = found.as_slice() else { panic!("two lines: {found:?}") };
        let mut first = first.as_object().unwrap().clone();
        let timestamp = first.remove("timestamp").unwrap();
        assert!(timestamp.as_str().unwrap().ends_with('Z'), "{timestamp}");
        let expected = json!({
            "level": "WARN", "message": format!("a message with {hard:?}"), "hard": hard, "shown": hard,
            "held": "Some(\"x\")", "error": fmt::Error.to_string(), "yes": true, "less": -3, "more": u64::MAX,
            "part": 0.5, "nothing": null, "target": "penstock::access",
        });
        assert_eq!(Value::Object(first), expected);
        assert_eq!(second["message"], "second");
    }
}
