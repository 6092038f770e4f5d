//! A quota of calls per second, as AWS keeps it: a token bucket that holds a second's worth, and one call at least.

use tokio::time::Instant;

pub struct Quota {
    per_second: f64,
    left: f64,
    /// When `left` was true.
    at: Instant,
}

impl Quota {
    pub fn new(per_second: f64) -> Self {
        Self { per_second, left: per_second.max(1.0), at: Instant::now() }
    }

    /// Whether one more call is allowed now; if so, it counts.
    pub fn allows(&mut self) -> bool {
        self.left = (self.left + self.per_second * self.at.elapsed().as_secs_f64()).min(self.per_second.max(1.0));
        self.at = Instant::now();
        let allowed = self.left >= 1.0;
        if allowed {
            self.left -= 1.0;
        }
        allowed
    }
}
