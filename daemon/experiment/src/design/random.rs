//! NumPy's default generator, so that a design with a seed has the points that `SciPy` gives it: PCG XSL RR 128/64
//! (M. O'Neill, HMC-CS-2014-0905) seeded by `SeedSequence` (NumPy's reference, "Seeding and entropy").

/// A generator.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u128,
    increment: u128,
    /// The half of the last 64 bits that was not used yet.
    half: Option<u32>,
}

impl Random {
    /// The generator of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let words = seeded(seed);
        let wide = |high: u64, low: u64| u128::from(high) << 64 | u128::from(low);
        let increment = wide(words[2], words[3]) << 1 | 1;
        let mut random = Self { state: 0, increment, half: None };
        random.step();
        random.state = random.state.wrapping_add(wide(words[0], words[1]));
        random.step();
        random
    }

    fn step(&mut self) {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
    }

    fn bits(&mut self) -> u64 {
        self.step();
        let folded = u64::try_from(self.state >> 64 ^ self.state & u128::from(u64::MAX)).unwrap_or(0);
        folded.rotate_right(u32::try_from(self.state >> 122).unwrap_or(0))
    }

    fn word(&mut self) -> u32 {
        if let Some(half) = self.half.take() {
            return half;
        }
        let bits = self.bits();
        self.half = Some(high(bits));
        low(bits)
    }

    /// A number from 0 to 1, without 1.
    pub(crate) fn unit(&mut self) -> f64 {
        let bits = self.bits() >> 11;
        f64::from(high(bits)).mul_add(4_294_967_296.0, f64::from(low(bits))) / 9_007_199_254_740_992.0
    }

    /// A number from 0 to `most` (D. Lemire, ACM Trans. Model. Comput. Simul. 29, 2019).
    pub(crate) fn up_to(&mut self, most: u32) -> u32 {
        if most == 0 {
            return 0;
        }
        let Some(count) = most.checked_add(1) else { return self.word() };
        let threshold = (u32::MAX - most) % count;
        loop {
            let product = u64::from(self.word()) * u64::from(count);
            if low(product) >= threshold {
                return high(product);
            }
        }
    }

    /// A number from 0 to `most`, by leaving out bits, as `NumPy` shuffles.
    pub(super) fn masked(&mut self, most: u32) -> u32 {
        let mask = u32::MAX.checked_shr(most.leading_zeros()).unwrap_or(0);
        loop {
            let found = self.word() & mask;
            if found <= most {
                return found;
            }
        }
    }
}

/// The state of `SeedSequence(seed)`.
fn seeded(seed: u64) -> [u64; 4] {
    let mut hash = INIT_A;
    let mut hashed = |value: u32| {
        let value = value ^ hash;
        hash = hash.wrapping_mul(MULT_A);
        let value = value.wrapping_mul(hash);
        value ^ value >> 16
    };
    let mut pool = [low(seed), high(seed), 0, 0].map(&mut hashed);
    for from in 0..pool.len() {
        for to in 0..pool.len() {
            if from != to {
                let mixed =
                    pool[to].wrapping_mul(MIX_LEFT).wrapping_sub(hashed(pool[from]).wrapping_mul(MIX_RIGHT));
                pool[to] = mixed ^ mixed >> 16;
            }
        }
    }
    let mut hash = INIT_B;
    let mut word = |place: usize| {
        let value = pool[place % pool.len()] ^ hash;
        hash = hash.wrapping_mul(MULT_B);
        let value = value.wrapping_mul(hash);
        value ^ value >> 16
    };
    let mut words = [0; 4];
    for (place, wide) in words.iter_mut().enumerate() {
        let first = u64::from(word(2 * place));
        *wide = first | u64::from(word(2 * place + 1)) << 32;
    }
    words
}

const fn low(bits: u64) -> u32 {
    (bits & 0xffff_ffff) as u32
}

const fn high(bits: u64) -> u32 {
    (bits >> 32) as u32
}

const MULTIPLIER: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;
const INIT_A: u32 = 0x43b0_d7e5;
const MULT_A: u32 = 0x931e_8875;
const INIT_B: u32 = 0x8b51_f9dd;
const MULT_B: u32 = 0x58f3_8ded;
const MIX_LEFT: u32 = 0xca01_f9dd;
const MIX_RIGHT: u32 = 0x4973_f715;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_numpy() {
        // numpy.random.default_rng(7): integers(0, 5, 3), random(2).
        let mut random = Random::new(7);
        assert_eq!([random.up_to(4), random.up_to(4), random.up_to(4)], [4, 3, 3], "bounded");
        let units = [random.unit(), random.unit()];
        assert_eq!(
            units.map(f64::to_bits),
            [0.775_685_690_245_193_5, 0.225_207_189_990_591_86].map(f64::to_bits)
        );
    }
}
