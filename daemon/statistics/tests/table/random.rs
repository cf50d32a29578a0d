//! Random numbers that are the same for ever: a committed table must not change with a library.

use std::f64::consts::TAU;

/// A generator (G. Steele, D. Lea, C. Flood, `SplitMix`, OOPSLA 2014).
pub(crate) struct Random(u64);

impl Random {
    /// The generator of one simulation.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xD134_2543_DE82_EF95).wrapping_add(0x1234_5678_9ABC_DEF1))
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Between 0 and 1, neither of which it reaches.
    pub(crate) fn uniform(&mut self) -> f64 {
        let bits = u32::try_from(self.bits() >> 32).expect("it has 32 bits");
        (f64::from(bits) + 0.5) / 4_294_967_296.0
    }

    /// Of mean 0 and deviation 1.
    pub(crate) fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.uniform(), self.uniform());
        (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos()
    }

    /// Of mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -self.uniform().ln()
    }
}
