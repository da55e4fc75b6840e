//! How a simulator is started.

use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::Date;

use crate::api::Shapes;
use crate::api::bulk::Order;

/// Options of one simulator, from the command line or from a test.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port on 127.0.0.1; 0 = any free one.
    pub port: u16,
    /// Seed of the world.
    pub seed: u64,
    /// Installments in all.
    pub installments: u32,
    /// Sales contracts at most.
    pub contracts: Option<u32>,
    /// Field shapes.
    pub shapes: Shapes,
    /// In which order the rows of bulk answers come.
    pub order: Order,
    /// How much faster than real time the webhook retry schedule runs.
    pub time_scale: f64,
    /// File in which the world and the hooks survive a restart.
    pub state: Option<PathBuf>,
    /// The business date; absent = the system's date in Brazil.
    pub today: Option<Date>,
    /// Basic user.
    pub user: String,
    /// Basic password.
    pub password: String,
    /// Whether quotas are enforced from the start.
    pub quotas: bool,
    /// How long an asynchronous bulk question waits, and then is processed, at least.
    pub async_delay: Duration,
    /// How many webhooks are in flight at once; 1 = strictly one after another.
    pub delivery_concurrency: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            seed: 7,
            installments: 1_000,
            contracts: None,
            shapes: Shapes::Production,
            order: Order::Bill,
            time_scale: 1.0,
            state: None,
            today: None,
            user: "demo".to_owned(),
            password: "demo".to_owned(),
            quotas: true,
            async_delay: Duration::from_millis(200),
            delivery_concurrency: 16,
        }
    }
}

/// What the command line accepts.
pub const USAGE: &str = "sienge-simulator [--port 8099] [--seed 7] [--installments 12000] [--contracts 100]
    [--shapes production|documented] [--row-order bill|due|shuffled:SEED] [--time-scale 60] [--state FILE] [--today 2026-11-30]
    [--user demo] [--password demo] [--quotas on|off] [--async-delay-ms 200] [--delivery-concurrency 16]";

impl Options {
    /// Reads the command line (without the program's name).
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            port: 8099,
            ..Self::default()
        };
        while let Some(name) = words.next() {
            let value = words
                .next()
                .ok_or_else(|| format!("{name} needs a value"))?;
            let wrong = || format!("{name} cannot be {value:?}");
            match name.as_str() {
                "--port" => options.port = value.parse().map_err(|_| wrong())?,
                "--seed" => options.seed = value.parse().map_err(|_| wrong())?,
                "--installments" => options.installments = value.parse().map_err(|_| wrong())?,
                "--contracts" => options.contracts = Some(value.parse().map_err(|_| wrong())?),
                "--shapes" => {
                    options.shapes = match value.as_str() {
                        "production" => Shapes::Production,
                        "documented" => Shapes::Documented,
                        _ => return Err(wrong()),
                    };
                }
                "--row-order" => options.order = value.parse().map_err(|()| wrong())?,
                "--time-scale" => {
                    options.time_scale = value
                        .parse()
                        .ok()
                        .filter(|scale| *scale > 0.0 && f64::is_finite(*scale))
                        .ok_or_else(wrong)?;
                }
                "--state" => options.state = Some(PathBuf::from(value)),
                "--today" => options.today = Some(value.parse().map_err(|_| wrong())?),
                "--user" => options.user = value,
                "--password" => options.password = value,
                "--quotas" => {
                    options.quotas = match value.as_str() {
                        "on" => true,
                        "off" => false,
                        _ => return Err(wrong()),
                    };
                }
                "--async-delay-ms" => {
                    options.async_delay =
                        Duration::from_millis(value.parse().map_err(|_| wrong())?);
                }
                "--delivery-concurrency" => {
                    options.delivery_concurrency = value
                        .parse()
                        .ok()
                        .filter(|count| (1..=1_000).contains(count))
                        .ok_or_else(wrong)?;
                }
                _ => return Err(format!("unknown option {name}\n{USAGE}")),
            }
        }
        if options.installments == 0 || options.installments > 2_000_000 {
            return Err("--installments must be from 1 to 2000000".to_owned());
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn the_command_line_is_read_strictly() {
        let options =
            parse("--port 1 --installments 10 --contracts 2 --time-scale 60 --quotas off").unwrap();
        assert_eq!(
            (options.port, options.installments, options.contracts),
            (1, 10, Some(2))
        );
        assert!(!options.quotas);
        for wrong in [
            "--port",
            "--port x",
            "--speed 3",
            "--installments 0",
            "--time-scale 0",
            "--shapes both",
            "--row-order shuffled",
        ] {
            assert!(parse(wrong).is_err(), "{wrong} should be refused");
        }
    }
}
