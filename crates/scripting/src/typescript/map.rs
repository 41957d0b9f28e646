//! The way back from a place in stripped code to the one in its source.

use oxc::codegen::CodegenReturn;

/// Tokens of the result, in order, each with its place in the source; lines and columns count from 0.
#[derive(Debug, Default)]
pub(super) struct SourceMap(Vec<Token>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Token {
    at: (u32, u32),
    from: (u32, u32),
}

impl SourceMap {
    pub(super) fn of(written: &CodegenReturn<'_>) -> Self {
        let Some(map) = &written.map else {
            return Self::default();
        };
        let mut tokens: Vec<_> = map
            .get_tokens()
            .map(|token| Token {
                at: (token.get_dst_line(), token.get_dst_col()),
                from: (token.get_src_line(), token.get_src_col()),
            })
            .collect();
        tokens.sort_unstable();
        Self(tokens)
    }

    /// Where in the source `line` and `column` are from, all counting from 1. Where no token is, they are as they are:
    /// the file is not one that was stripped.
    pub(super) fn source_of(&self, line: u32, column: u32) -> (u32, u32) {
        let wanted = (line.saturating_sub(1), column.saturating_sub(1));
        let behind = self.0.partition_point(|token| token.at <= wanted);
        match behind.checked_sub(1).map(|at| self.0[at]) {
            Some(token) if token.at.0 == wanted.0 => (token.from.0 + 1, token.from.1 + 1),
            // before the first token of its line
            _ => match self.0.get(behind) {
                Some(token) if token.at.0 == wanted.0 => (token.from.0 + 1, token.from.1 + 1),
                _ => (line, column),
            },
        }
    }
}
