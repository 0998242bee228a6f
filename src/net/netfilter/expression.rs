//! Encodes and decodes a rule in the kernel's form: a list of expressions, each
//! with a name and its data (`NFTA_RULE_EXPRESSIONS`).

use crate::net::kernel::nfnetlink::{Attributes, attributes, find, text};

/// `enum nft_registers` of the kernel.
pub(super) const REG_VERDICT: u32 = 0;
pub(super) const REG_1: u32 = 1;
pub(super) const REG_2: u32 = 2;

/// `enum nft_meta_keys` and `enum nft_payload_bases`.
pub(super) const IIFNAME: u32 = 6;
pub(super) const OIFNAME: u32 = 7;
pub(super) const L4PROTO: u32 = 16;
pub(super) const NETWORK: u32 = 1;
pub(super) const TRANSPORT: u32 = 2;

/// `enum nft_cmp_ops`.
pub(super) const EQ: u32 = 0;
pub(super) const NEQ: u32 = 1;
pub(super) const GTE: u32 = 5;
pub(super) const LTE: u32 = 3;

/// A list of expressions (`NFTA_RULE_EXPRESSIONS`).
#[derive(Debug, Default)]
pub(super) struct Expressions(pub Attributes);

impl Expressions {
    pub fn add(&mut self, name: &str, data: Attributes) {
        /// `NFTA_LIST_ELEM`, `NFTA_EXPR_NAME`, `NFTA_EXPR_DATA`.
        const ELEMENT: u16 = 1;
        let expression = Attributes::default().text(1, name).nest(2, data);
        self.0 = std::mem::take(&mut self.0).nest(ELEMENT, expression);
    }

    /// Adds an iptables extension, a `match` or a `target`.
    pub fn extension(&mut self, kind: &str, name: &str, revision: u32, info: &[u8]) {
        let mut info = info.to_vec();
        // `XT_ALIGN`
        info.resize(info.len().next_multiple_of(8), 0);
        self.add(kind, Attributes::default().text(1, name).number(2, revision).bytes(3, &info));
    }

    pub fn meta(&mut self, key: u32) {
        self.add("meta", Attributes::default().number(2, key).number(1, REG_1));
    }

    pub fn payload(&mut self, base: u32, offset: u32, length: u32) {
        let data = Attributes::default().number(1, REG_1).number(2, base).number(3, offset);
        self.add("payload", data.number(4, length));
    }

    pub fn compare(&mut self, operator: u32, value: &[u8]) {
        let data = Attributes::default().number(1, REG_1).number(2, operator);
        self.add("cmp", data.nest(3, Attributes::default().bytes(1, value)));
    }

    pub fn immediate(&mut self, register: u32, value: &[u8]) {
        let data = Attributes::default().number(1, register);
        self.add("immediate", data.nest(2, Attributes::default().bytes(1, value)));
    }

    pub fn protocol(&mut self, number: u8, operator: u32) {
        self.meta(L4PROTO);
        self.compare(operator, &[number]);
    }

    /// Clears the bits of register 1 that are not in the mask.
    pub fn mask(&mut self, mask: &[u8]) {
        let data = Attributes::default().number(1, REG_1).number(2, REG_1).number(3, mask.len() as u32);
        let value = |bytes: &[u8]| Attributes::default().bytes(1, bytes);
        self.add("bitwise", data.nest(4, value(mask)).nest(5, value(&vec![0; mask.len()])));
    }
}

/// The bytes of a mask with `length` leading ones.
pub(super) fn mask_of(length: u8, bytes: usize) -> Vec<u8> {
    let bits = |byte: usize| usize::from(length).saturating_sub(byte * 8).min(8);
    (0..bytes).map(|byte| !(0xff_u16 >> bits(byte)) as u8).collect()
}

/// The expressions of a rule from the kernel, each with its name.
pub(super) fn read(list: &[u8]) -> impl Iterator<Item = (String, &[u8])> {
    attributes(list).map(|(_, one)| (text(one, 1).unwrap_or_default(), find(one, 2).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_has_as_many_ones_as_the_prefix_is_long() {
        assert_eq!(mask_of(20, 4), [255, 255, 240, 0]);
        assert_eq!(mask_of(0, 4), [0; 4]);
        assert_eq!(mask_of(32, 4), [255; 4]);
        assert_eq!(mask_of(127, 16)[15], 254);
    }
}
