//! What the worst answers of a Sienge take in memory, measured as the peak of this process: so one test, alone in its binary.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, dead_code, missing_docs)]

#[path = "sienge_client/server.rs"]
mod server;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use futures::TryStreamExt;
use ponte::ids::BillId;
use ponte::sienge::{
    BillRead, Client, ClientConfig, Credentials, CustomerFilter, IncomeSelection, IncomeWindow,
    Remedy, Secret, SiengeError, http_client,
};
use server::{FakeLog, FakeQuota};

/// A server that answers everything with `head`, `times` pieces with commas between, and `tail`, and holds none of it.
fn serve(head: &'static str, piece: &'static str, times: usize, tail: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/x/public/api", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = std::io::BufWriter::new(stream.unwrap());
            let mut asked = [0; 4096];
            let _ = stream.get_mut().read(&mut asked);
            // Who has read enough hangs up.
            let _ = (|| {
                stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
                stream.write_all(head.as_bytes())?;
                for number in 0..times {
                    stream.write_all(if number == 0 { b"" } else { b"," })?;
                    stream.write_all(piece.as_bytes())?;
                }
                stream.write_all(tail.as_bytes())?;
                stream.flush()
            })();
        }
    });
    base
}

fn client(base: &str) -> Client {
    let credentials = Credentials::new("robo", &Secret::new("s3nha")).unwrap();
    let config = ClientConfig::new(base, Arc::new(credentials));
    let http = http_client(config.timeouts).unwrap();
    let (quota, log) = (Arc::new(FakeQuota::default()), Arc::new(FakeLog::default()));
    Client::new(http, &config, quota, log).unwrap()
}

/// The most this process took since it was asked the last time.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = line.unwrap().trim().trim_end_matches(" kB");
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    peak.parse().unwrap()
}

async fn customers(base: String) -> Result<usize, SiengeError> {
    let rows = client(&base).customers(&CustomerFilter::default());
    Ok(rows.try_collect::<Vec<_>>().await?.len())
}

async fn income(base: String) -> Result<usize, SiengeError> {
    let window = IncomeWindow {
        from: jiff::civil::date(2026, 1, 1),
        to: jiff::civil::date(2026, 1, 31),
        by: IncomeSelection::Due,
        company: None,
        changed_since: None,
    };
    let rows = client(&base).income(&window);
    rows.try_fold(0, async |count, _| Ok(count + 1)).await
}

async fn observed(base: String) -> Result<usize, SiengeError> {
    let reads: Vec<BillRead> = (1..=100)
        .map(|bill| BillRead {
            bill: BillId(bill),
            customer: None,
            boleto: false,
            answered_by: None,
        })
        .collect();
    let answers = client(&base).observe_each(&reads).await?;
    let seen: Result<Vec<_>, _> = answers.into_iter().map(|answer| answer.seen).collect();
    Ok(seen?.len())
}

#[tokio::test]
async fn no_answer_takes_more_memory_than_is_stated() {
    const ADDRESS: &str = r#"{"type":"a","streetName":"b","number":"c","complement":"d","neighborhood":"e","city":"f","state":"g","zipCode":"h"}"#;
    const ROW: &str = r#"{"billId":1,"installmentId":1,"clientId":3,"companyId":1,"documentNumber":"a","documentIdentificationId":"CT","originId":"CO","mainUnit":"b","installmentNumber":"1/2","originalAmount":1,"balanceAmount":1,"dueDate":"2026-01-01"}"#;
    income(serve(r#"{"data":["#, ROW, 1, "]}")).await.unwrap();
    let idle = peak_kb();

    // What is refused, lastingly and after one call.
    let empty = 2_000_000;
    let refused = [
        customers(serve(r#"{"results":["#, "{}", empty, "]}")).await,
        customers(serve(r#"{"results":[{"phones":["#, "1", empty, "]}]}")).await,
        customers(serve("{", r#""x":1"#, empty, "}")).await,
        income(serve(r#"{"data":[{"receipts":["#, "1", 200_000, "]}]}")).await,
        observed(serve(r#"{"data":["#, "{}", empty, "]}")).await,
    ];
    let most = peak_kb();
    for outcome in &refused {
        let error = outcome.as_ref().unwrap_err();
        assert_eq!(error.remedy(), Remedy::Never, "{error}");
    }
    assert!(most < idle + 64 * 1024, "refused: {most} kB");

    // What is taken: as many elements, each with as many texts, as the limits allow.
    let one = customers(serve(
        r#"{"results":[{"addresses":["#,
        ADDRESS,
        49_990,
        "]}]}",
    ));
    assert_eq!(one.await, Ok(1));
    let page = peak_kb();
    assert!(page < idle + 48 * 1024, "a page: {page} kB");
    let row = income(serve(
        r#"{"data":[{"receipts":["#,
        r#"{"operationTypeName":"a"}"#,
        49_990,
        "]}]}",
    ));
    assert_eq!(row.await, Ok(1));
    let row = peak_kb();
    assert!(row < idle + 20 * 1024, "a bulk row: {row} kB");
    let many = income(serve(r#"{"data":["#, ROW, 200_000, "]}"));
    assert_eq!(many.await, Ok(200_000));
    let many = peak_kb();
    assert!(many < idle + 20 * 1024, "a bulk answer: {many} kB");
    let group = observed(serve(r#"{"data":["#, ROW, 99_000, "]}"));
    assert_eq!(group.await, Ok(100));
    let group = peak_kb();
    assert!(group < idle + 64 * 1024, "a group: {group} kB");
    println!("idle {idle}, refused {most}, page {page}, row {row}, bulk {many}, group {group} kB");
}
