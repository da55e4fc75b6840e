//! Splits a bulk answer into its rows while it arrives.
//!
//! Guarantees: memory is one row at most, whatever the answer's size; the rows do not depend on how the bytes were cut into
//! chunks; an answer that ends early, or that Sienge closed with `api-error`, is an error and never a silent end.

/// Largest row: a bill's installment with hundreds of receipts is some hundred kilobytes.
pub const ROW_LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// Deepest nesting within a row; the documented shapes need six.
const DEPTH_LIMIT: u32 = 64;
/// Longest key of the outer object worth remembering.
const KEY_LIMIT_BYTES: usize = 256;

/// Why an answer is not a list of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitError {
    /// It broke off.
    Truncated,
    /// Sienge closed it with `api-error`.
    ApiError,
    /// It is not JSON.
    NotJson,
    /// It is JSON, but not rows; the text says what was found.
    Shape(&'static str),
    /// One row is larger than [`ROW_LIMIT_BYTES`].
    RowTooLarge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before anything.
    Start,
    /// In the outer object, a key or its end must follow.
    KeyOrEnd,
    /// In a key of the outer object.
    Key { escaped: bool },
    /// After a key.
    Colon,
    /// A value of the outer object must follow.
    Value,
    /// In the single object that stands for the list, in an element, or in a value of no interest.
    Nested {
        target: Target,
        depth: u32,
        string: bool,
        escaped: bool,
    },
    /// In a number or literal.
    Bare(Target),
    /// In a string that is a value of the outer object or an element.
    Text { target: Target, escaped: bool },
    /// In the list; an element must follow, or (at its start) its end.
    Element { first: bool },
    /// In the list, after an element.
    AfterElement,
    /// In the outer object, after a value.
    AfterValue,
    /// After the end.
    End,
}

/// What a value is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// An element of the list.
    Element,
    /// The single object that stands for the list.
    Single,
    /// `null` in the place of the list.
    NoList,
    /// The value of `api-error`.
    ApiError,
    /// Anything else.
    Skip,
}

/// Incremental splitter; accepts `{"data":[...]}`, `{"results":[...]}`, a bare array, one object in the list's place, and `null` there.
#[derive(Debug)]
pub struct RowSplitter {
    state: State,
    /// The outer value is an object (else a bare array).
    outer: bool,
    /// A list (or what stands for it) was found.
    found: bool,
    key: Vec<u8>,
    row: Vec<u8>,
    ready: bool,
}

impl Default for RowSplitter {
    fn default() -> Self {
        Self {
            state: State::Start,
            outer: false,
            found: false,
            key: Vec::new(),
            row: Vec::new(),
            ready: false,
        }
    }
}

impl RowSplitter {
    /// Consumes `input` up to the end of the next row and gives the row's JSON; `None` when all of `input` was consumed.
    pub fn next_row(&mut self, input: &mut &[u8]) -> Result<Option<&[u8]>, SplitError> {
        if self.ready {
            self.row.clear();
            self.ready = false;
        }
        loop {
            self.take_run(input)?;
            let Some((&byte, rest)) = input.split_first() else {
                break;
            };
            let consumed = self.step(byte)?;
            if consumed {
                *input = rest;
            }
            if self.ready {
                if is_api_error(&self.row) {
                    return Err(SplitError::ApiError);
                }
                return Ok(Some(&self.row));
            }
        }
        Ok(None)
    }

    /// Consumes in one go what cannot change the state: most bytes of a row.
    fn take_run(&mut self, input: &mut &[u8]) -> Result<(), SplitError> {
        let State::Nested {
            target,
            escaped: false,
            ..
        } = self.state
        else {
            return Ok(());
        };
        let structural = |byte: &u8| matches!(byte, b'"' | b'\\' | b'{' | b'}' | b'[' | b']');
        let (run, rest) = input.split_at(input.iter().position(structural).unwrap_or(input.len()));
        if target != Target::Skip {
            if self.row.len() + run.len() > ROW_LIMIT_BYTES {
                return Err(SplitError::RowTooLarge);
            }
            self.row.extend_from_slice(run);
        }
        *input = rest;
        Ok(())
    }

    /// Call at the end of the input: an error unless the answer was complete.
    pub fn finish(&self) -> Result<(), SplitError> {
        match self.state {
            State::End if self.found => Ok(()),
            State::End => Err(SplitError::Shape("sem lista de registros")),
            _ => Err(SplitError::Truncated),
        }
    }

    /// The capacity held for rows.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.row.capacity() + self.key.capacity()
    }

    /// Consumes one byte; false when the byte ended a bare value and must be processed again.
    fn step(&mut self, byte: u8) -> Result<bool, SplitError> {
        let blank = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        match self.state {
            State::Nested {
                target,
                depth,
                string,
                escaped,
            } => {
                self.keep(target, byte)?;
                return self.nested(target, depth, string, escaped, byte);
            }
            State::Key { escaped } => return self.in_key(escaped, byte),
            State::Text { target, escaped } => {
                self.keep(target, byte)?;
                return self.in_text(target, escaped, byte);
            }
            State::Bare(target) => return self.bare(target, byte),
            _ if blank => return Ok(true),
            _ => {}
        }
        self.state = match (self.state, byte) {
            (State::Start, b'{') => {
                self.outer = true;
                State::KeyOrEnd
            }
            (State::Start, b'[') => {
                self.found = true;
                State::Element { first: true }
            }
            (State::KeyOrEnd, b'"') => {
                self.key.clear();
                State::Key { escaped: false }
            }
            (State::KeyOrEnd | State::AfterValue, b'}') => State::End,
            (State::Colon, b':') => State::Value,
            (State::Value, _) => return self.value(byte),
            (State::Element { first: true } | State::AfterElement, b']') => self.after_list(),
            (State::AfterElement, b',') => State::Element { first: false },
            (State::Element { .. }, _) => return self.begin(Target::Element, byte),
            (State::AfterValue, b',') => State::KeyOrEnd,
            _ => return Err(SplitError::NotJson),
        };
        Ok(true)
    }

    fn after_list(&self) -> State {
        if self.outer {
            State::AfterValue
        } else {
            State::End
        }
    }

    fn value(&mut self, byte: u8) -> Result<bool, SplitError> {
        let list = matches!(self.key.as_slice(), b"data" | b"results");
        let api_error = self.key == b"api-error";
        if list && byte == b'[' {
            self.found = true;
            self.state = State::Element { first: true };
            return Ok(true);
        }
        let target = match (list, api_error, byte) {
            (true, _, b'{') => Target::Single,
            (true, _, b'n') => Target::NoList,
            (true, ..) => return Err(SplitError::Shape("lista de registros de outro tipo")),
            (_, true, _) => Target::ApiError,
            _ => Target::Skip,
        };
        self.begin(target, byte)
    }

    fn begin(&mut self, target: Target, byte: u8) -> Result<bool, SplitError> {
        self.keep(target, byte)?;
        self.state = match byte {
            b'{' | b'[' => State::Nested {
                target,
                depth: 1,
                string: false,
                escaped: false,
            },
            b'"' => State::Text {
                target,
                escaped: false,
            },
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => State::Bare(target),
            _ => return Err(SplitError::NotJson),
        };
        Ok(true)
    }

    /// Keeps a byte that is needed later.
    fn keep(&mut self, target: Target, byte: u8) -> Result<(), SplitError> {
        if target == Target::Skip {
            return Ok(());
        }
        if self.row.len() >= ROW_LIMIT_BYTES {
            return Err(SplitError::RowTooLarge);
        }
        self.row.push(byte);
        Ok(())
    }

    fn nested(
        &mut self,
        target: Target,
        depth: u32,
        string: bool,
        escaped: bool,
        byte: u8,
    ) -> Result<bool, SplitError> {
        let (depth, string, escaped) = match (string, escaped, byte) {
            (true, false, b'\\') => (depth, true, true),
            (true, false, b'"') => (depth, false, false),
            (true, ..) | (false, _, b'"') => (depth, true, false),
            (false, _, b'{' | b'[') => (depth + 1, false, false),
            (false, _, b'}' | b']') => (depth - 1, false, false),
            (false, ..) => (depth, false, false),
        };
        if depth > DEPTH_LIMIT {
            return Err(SplitError::Shape("aninhamento profundo demais"));
        }
        if depth == 0 {
            return self.ended(target);
        }
        self.state = State::Nested {
            target,
            depth,
            string,
            escaped,
        };
        Ok(true)
    }

    fn in_key(&mut self, escaped: bool, byte: u8) -> Result<bool, SplitError> {
        if !escaped && byte == b'"' {
            self.state = State::Colon;
            return Ok(true);
        }
        if self.key.len() >= KEY_LIMIT_BYTES {
            return Err(SplitError::Shape("chave longa demais"));
        }
        self.key.push(byte);
        self.state = State::Key {
            escaped: !escaped && byte == b'\\',
        };
        Ok(true)
    }

    fn in_text(&mut self, target: Target, escaped: bool, byte: u8) -> Result<bool, SplitError> {
        if !escaped && byte == b'"' {
            return self.ended(target);
        }
        self.state = State::Text {
            target,
            escaped: !escaped && byte == b'\\',
        };
        Ok(true)
    }

    fn bare(&mut self, target: Target, byte: u8) -> Result<bool, SplitError> {
        if matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n') {
            self.ended(target)?;
            return Ok(false);
        }
        if !matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'.' | b'+' | b'-' | b'E') {
            return Err(SplitError::NotJson);
        }
        self.keep(target, byte)?;
        Ok(true)
    }

    /// A value ended.
    fn ended(&mut self, target: Target) -> Result<bool, SplitError> {
        let kept = std::mem::take(&mut self.row);
        self.state = match target {
            Target::Element if kept == b"null" => State::AfterElement,
            Target::Element if kept == b"\"api-error\"" => return Err(SplitError::ApiError),
            Target::Element => {
                self.ready = true;
                self.row = kept;
                State::AfterElement
            }
            Target::Single => {
                self.ready = true;
                self.found = true;
                self.row = kept;
                State::AfterValue
            }
            Target::NoList if kept == b"null" => {
                self.found = true;
                State::AfterValue
            }
            Target::NoList => return Err(SplitError::NotJson),
            Target::ApiError if kept != b"null" => return Err(SplitError::ApiError),
            Target::ApiError | Target::Skip => State::AfterValue,
        };
        Ok(true)
    }
}

/// Whether a row is Sienge's report of a failure in mid-stream.
fn is_api_error(row: &[u8]) -> bool {
    const MARK: &[u8] = b"\"api-error\"";
    #[derive(serde::Deserialize)]
    struct FailedRow {
        #[serde(rename = "api-error", default)]
        cause: Option<serde::de::IgnoredAny>,
    }
    if !row
        .windows(MARK.len())
        .any(|window| window[1] == b'a' && window[4] == b'-' && window == MARK)
    {
        return false;
    }
    serde_json::from_slice::<FailedRow>(row).is_ok_and(|row| row.cause.is_some())
}

#[cfg(test)]
mod tests;
