//! Metrics that AIPerf registers and that have no value here: each with its unit and flags, and why.

pub(crate) mod energy;
pub(crate) mod modality;
pub(crate) mod network;
pub(crate) mod other;
pub(crate) mod spec_decode;

macro_rules! absent {
    ($why:literal; $($name:ident $tag:literal $header:literal $short:literal $unit:literal $order:literal ($flags:expr) $text:literal;)*) => {$(
        #[doc = $header]
        pub(crate) const $name: Metric = Metric::absent($tag, $header, $why)
            .short($short)
            .unit(Unit::Other($unit))
            .order($order)
            .flags($flags)
            .text($text);
    )*};
}
pub(crate) use absent;
