//! Vectors without end, the same in every run.

/// A source of numbers.
pub(super) struct Vectors(u64);

impl Vectors {
    /// What is stored.
    pub(super) fn rows() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// What is asked.
    pub(super) fn questions() -> Self {
        Self(0xd1b5_4a32_d192_ed03)
    }

    /// A vector of so many numbers from -1 to 1.
    pub(super) fn next(&mut self, width: usize) -> Vec<f32> {
        (0..width).map(|_| self.number()).collect()
    }

    /// The generator is Marsaglia's xorshift.
    fn number(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let bits = u16::try_from(self.0 >> 48).unwrap_or_default();
        f32::from(bits) / 32768.0 - 1.0
    }
}
