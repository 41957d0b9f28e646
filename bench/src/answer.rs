//! Reads an HTTP/1.1 answer as it comes, at next to no cost, so that the load weighs little beside what
//! it loads.
//!
//! Sized and chunked bodies only, which is what a gateway sends. Any status but a success is an error:
//! a refused request must never count as an answered one.

use anyhow::{Context, Result, bail, ensure};
use memchr::{memchr_iter, memmem};

/// A head longer than this is none.
const HEAD_LIMIT: usize = 64 * 1024;

/// One answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    phase: Phase,
    /// The head, or the line that gives a chunk's size, as far as it has come.
    text: Vec<u8>,
    /// Bytes of the body, or of the chunk, that are still to come.
    left: u64,
    body: u64,
    events: u64,
    line_start: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Head,
    Sized,
    ChunkSize,
    Chunk,
    ChunkEnd,
    /// The empty line after the last chunk.
    End,
    Done,
}

impl Answer {
    /// Takes what has arrived.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            bytes = match self.phase {
                Phase::Head => self.head(bytes)?,
                Phase::Sized => self.data(bytes, Phase::Done),
                Phase::Chunk => self.data(bytes, Phase::ChunkEnd),
                Phase::ChunkSize => self.chunk_size(bytes)?,
                Phase::ChunkEnd => self.line_end(bytes, Phase::ChunkSize)?,
                Phase::End => self.line_end(bytes, Phase::Done)?,
                Phase::Done => bail!("{} bytes came after the end of an answer", bytes.len()),
            };
        }
        Ok(())
    }

    /// Whether all of it is here.
    pub(crate) fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// Whether the body has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.body > 0
    }

    /// Bytes of the body so far.
    pub(crate) fn body(&self) -> u64 {
        self.body
    }

    /// Blank lines so far: where events are sent, one for each.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    fn head<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8]> {
        let before = self.text.len();
        self.text.extend_from_slice(bytes);
        let Some(end) = memmem::find(&self.text, b"\r\n\r\n").map(|at| at + 4) else {
            ensure!(self.text.len() < HEAD_LIMIT, "an answer's head does not end");
            return Ok(&[]);
        };
        let head = &self.text[..end];
        if head.get(9) != Some(&b'2') {
            bail!("expected a success, found: {}", String::from_utf8_lossy(&self.text));
        }
        (self.phase, self.left) = if let Some(length) = header(head, "content-length") {
            let length = length.parse().with_context(|| format!("content-length: {length:?}"))?;
            (if length == 0 { Phase::Done } else { Phase::Sized }, length)
        } else if header(head, "transfer-encoding").is_some() {
            (Phase::ChunkSize, 0)
        } else {
            bail!("an answer without a length: {}", String::from_utf8_lossy(head));
        };
        self.text.clear();
        Ok(&bytes[end - before..])
    }

    fn data<'a>(&mut self, bytes: &'a [u8], next: Phase) -> &'a [u8] {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        let (data, rest) = bytes.split_at(length);
        for at in memchr_iter(b'\n', data) {
            let blank = if at == 0 { self.line_start } else { data[at - 1] == b'\n' };
            self.events += u64::from(blank);
        }
        self.line_start = data.last() == Some(&b'\n');
        self.body += data.len() as u64;
        self.left -= data.len() as u64;
        if self.left == 0 {
            self.phase = next;
        }
        rest
    }

    fn chunk_size<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8]> {
        let end = memchr::memchr(b'\n', bytes);
        let (line, rest) = bytes.split_at(end.map_or(bytes.len(), |at| at + 1));
        self.text.extend_from_slice(line);
        ensure!(self.text.len() < 32, "a chunk's size does not end");
        if end.is_some() {
            let text = str::from_utf8(self.text.trim_ascii())?;
            self.left = u64::from_str_radix(text, 16).with_context(|| format!("chunk size {text:?}"))?;
            self.phase = if self.left == 0 { Phase::End } else { Phase::Chunk };
            self.text.clear();
        }
        Ok(rest)
    }

    fn line_end<'a>(&mut self, bytes: &'a [u8], next: Phase) -> Result<&'a [u8]> {
        match bytes {
            [b'\n', rest @ ..] => {
                self.phase = next;
                Ok(rest)
            }
            [b'\r', rest @ ..] => Ok(rest),
            _ => bail!("a chunk is longer than it said"),
        }
    }
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    head.split(|byte| *byte == b'\n').skip(1).find_map(|line| {
        let (found, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        found.eq_ignore_ascii_case(name.as_bytes()).then(|| str::from_utf8(value.trim_ascii()).ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        9\r\ndata: 1\n\n\r\n9\r\n\ndata: 2\n\r\n1\r\n\n\r\n0\r\n\r\n";

    #[test]
    fn any_split_of_a_stream_gives_the_same_count() -> Result<()> {
        for size in 1..STREAM.len() {
            let mut answer = Answer::default();
            for piece in STREAM.as_bytes().chunks(size) {
                assert!(!answer.is_done());
                answer.take(piece)?;
            }
            assert!(answer.is_done() && answer.has_begun());
            assert_eq!((answer.body(), answer.events()), (19, 3));
        }
        Ok(())
    }

    #[test]
    fn a_sized_body_ends_with_its_last_byte() -> Result<()> {
        let mut answer = Answer::default();
        answer.take(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab")?;
        assert!(!answer.is_done());
        answer.take(b"c")?;
        assert!(answer.is_done());
        assert!(answer.take(b"d").is_err());
        Ok(())
    }

    #[test]
    fn a_refusal_is_an_error_that_shows_what_came() {
        let error = Answer::default().take(b"HTTP/1.1 429 Too Many\r\ncontent-length: 4\r\n\r\nslow");
        assert!(error.is_err_and(|error| error.to_string().ends_with("slow")));
    }
}
