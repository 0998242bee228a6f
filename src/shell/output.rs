/// The most bytes of a command's output that are kept from its beginning, and
/// from its end.
const HEAD: usize = 256 * 1024;
const TAIL: usize = 64 * 1024;

/// The output of a command: all of it, or its beginning and its end.
#[derive(Debug, Default)]
pub(super) struct Output {
    head: Vec<u8>,
    tail: Vec<u8>,
    more: usize,
}

impl Output {
    /// Appends output.
    pub fn take(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(HEAD - self.head.len()));
        self.head.extend_from_slice(head);
        self.tail.extend_from_slice(rest);
        if self.tail.len() > 2 * TAIL {
            let out = self.tail.len() - TAIL;
            self.tail.drain(..out);
            self.more += out;
        }
    }

    /// Returns the text, with a note about the omitted part.
    pub fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        if self.more > 0 {
            text.push_str(&format!("\n[{} more bytes are left out]\n", self.more));
        }
        text.push_str(&String::from_utf8_lossy(&self.tail));
        text
    }
}
