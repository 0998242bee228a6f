//! Fetches a page over HTTP, in the words of curl(1).

use super::attempt::Failed;
use crate::net::{NetError, Netns, Network, Witness};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;

/// The maximum size of a page that is read, in bytes.
const MOST: usize = 8 << 20;

/// The timeout for establishing a connection, in milliseconds.
pub(in crate::net) const CONNECT_MS: u64 = 1000;

/// Options of a fetch.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// The timeout of the whole fetch, in milliseconds.
    pub timeout_ms: u64,
    /// The deadline for resolving a name.
    pub deadline: Instant,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self { timeout_ms: 5000, deadline: Instant::now() + Duration::from_secs(60) }
    }
}

/// The result of a fetch.
#[derive(Debug, Clone)]
pub struct HttpAnswer {
    /// The status, if there was an answer.
    pub status: Option<u16>,
    /// The body of the answer.
    pub body: String,
    /// The reason why there is no page: curl's exit code, and its message.
    failed: Option<(u8, String)>,
    error: Option<String>,
    is_cut_off: bool,
}

impl HttpAnswer {
    /// Tells whether a page was fetched.
    pub fn ok(&self) -> bool {
        self.error.is_none()
    }

    /// The reason why there is no page, in a few words.
    pub fn error(&self) -> Option<String> {
        self.error.clone()
    }

    /// Tells whether there was no connection, or no answer on it.
    pub fn is_unconnected(&self) -> bool {
        self.failed.is_some()
    }

    /// Tells whether there was a connection on which the whole page did not
    /// arrive in time. A lost packet alone does not cause that, because TCP
    /// sends it again.
    pub fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }

    /// The output of curl.
    pub fn text(&self) -> String {
        match (&self.failed, &self.error) {
            (Some((code, words)), _) => format!("curl: ({code}) {words}"),
            (None, Some(error)) => format!("{}\n{error}", self.body.trim_end()).trim_start().to_string(),
            (None, None) => self.body.clone(),
        }
    }

    fn failed(code: u8, error: impl Into<String>, words: impl Into<String>) -> Self {
        let (error, failed) = (Some(error.into()), Some((code, words.into())));
        Self { status: None, body: String::new(), failed, error, is_cut_off: false }
    }
}

impl Network {
    /// The host and port that a URL addresses.
    pub fn host_and_port(url: &str) -> Option<(String, u16)> {
        Page::parse(url).ok().map(|page| (page.host, page.port))
    }

    /// Fetches a page, as `curl` does. With a witness, a page counts only if it
    /// was sent by the namespace that the witness watches.
    ///
    /// # Errors
    ///
    /// If the URL is invalid. A missing page is an answer, not an error.
    pub fn http_get(
        &self,
        netns: &Netns,
        url: &str,
        options: &HttpOptions,
        witness: Option<&Witness>,
    ) -> Result<HttpAnswer, NetError> {
        let page = Page::parse(url)?;
        let kernel = self.look()?;
        let Page { host, port, .. } = &page;
        let patience = options.timeout_ms.min(CONNECT_MS);
        let stream = match kernel.connect(netns, (host, *port), None, patience, options.deadline)? {
            Ok(stream) => stream,
            Err((_, failed)) => return Ok(no_connection(host, *port, patience, &failed)),
        };
        let others = witness.and_then(|witness| witness.objects(self, host, &stream));
        let mut answer = fetch(stream, &page, options.timeout_ms, self.services.patience())
            .map_err(|error| NetError::new(format!("failed to start tokio: {error}")))?;
        if let Some(others) = others {
            // A page from another host does not count, whatever its content.
            answer = HttpAnswer { status: None, body: String::new(), error: Some(others), ..answer };
        }
        Ok(answer)
    }
}

/// A page, and its location.
struct Page {
    host: String,
    port: u16,
    authority: String,
    path: String,
}

impl Page {
    /// Parses a URL. As in curl, `http://` is optional.
    fn parse(url: &str) -> Result<Self, NetError> {
        let refused = |error: String| {
            NetError::new(error).hint("write it as `http://192.168.15.2/` or `http://web:8080/`")
        };
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(refused(format!("Protocol \"{scheme}\" not supported")));
        }
        let malformed = || refused(format!("URL rejected: Malformed input to a URL function: \"{url}\""));
        // A port that is too large is reported as such, not as an invalid URL.
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(malformed());
                }
                (host, crate::net::service::port(port)?)
            }
            _ => (authority, 80),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let path = rest[authority.len()..].split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_string() } else { format!("/{path}") };
        if host.is_empty() || host.contains(['@', ' ', '[', ']']) || path.parse::<Uri>().is_err() {
            return Err(malformed());
        }
        Ok(Self { host: host.into(), port, authority: authority.into(), path })
    }
}

fn no_connection(host: &str, port: u16, patience: u64, failed: &Failed) -> HttpAnswer {
    let words = failed.words();
    match failed {
        Failed::NoName(_) => {
            let words = format!("Could not resolve host: {host}");
            HttpAnswer::failed(6, words.clone(), words)
        }
        Failed::Kernel(_) => {
            HttpAnswer::failed(7, &words, format!("Failed to connect to {host} port {port}: {words}"))
        }
        // Nothing is sent before the page is asked for.
        Failed::TimedOut | Failed::Stalled { .. } => {
            let text =
                format!("Failed to connect to {host} port {port} after {patience} ms: Timeout was reached");
            HttpAnswer::failed(28, words, text)
        }
    }
}

/// Requests a page on a connection, and closes it.
fn fetch(stream: TcpStream, page: &Page, timeout_ms: u64, patience: Duration) -> io::Result<HttpAnswer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(async {
        let whole =
            tokio::time::timeout(Duration::from_millis(timeout_ms), exchange(stream, page, patience)).await;
        match whole {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => no_page(&*error),
            Err(_) => HttpAnswer {
                is_cut_off: true,
                ..HttpAnswer::failed(
                    28,
                    "timed out",
                    format!("Operation timed out after {timeout_ms} milliseconds without the whole answer"),
                )
            },
        }
    }))
}

async fn exchange(
    stream: TcpStream,
    page: &Page,
    patience: Duration,
) -> Result<HttpAnswer, Box<dyn Error + Send + Sync>> {
    let stream = TokioIo::new(tokio::net::TcpStream::from_std(stream)?);
    let (mut sender, connection) = http1::handshake(stream).await?;
    // On its own it would close the connection as soon as the page is complete.
    let connection = tokio::spawn(connection.without_shutdown());
    let request = Request::get(&page.path)
        .header(HOST, &page.authority)
        .header(USER_AGENT, "nslab")
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let bytes = Limited::new(body, MOST).collect().await?.to_bytes();
    drop(sender);
    // The server closes the connection first, so that a capture shows the same
    // order each time. Then no state of it is left on the server's side for the
    // next observation.
    let hung_up = async {
        let Ok(Ok(parts)) = connection.await else { return };
        let mut stream = parts.io.into_inner();
        while matches!(stream.read(&mut [0; 4096]).await, Ok(1..)) {}
    };
    let _ = tokio::time::timeout(patience, hung_up).await;
    let status = head.status;
    let fine = status.is_success() || status.is_redirection();
    Ok(HttpAnswer {
        status: Some(status.as_u16()),
        body: String::from_utf8_lossy(&bytes).into_owned(),
        failed: None,
        error: (!fine).then(|| refusal(status)),
        is_cut_off: false,
    })
}

/// The message of `curl --fail`.
fn refusal(status: StatusCode) -> String {
    format!("The requested URL returned error: {}", status.as_u16())
}

/// Curl's error for an invalid or missing answer.
fn no_page(error: &(dyn Error + 'static)) -> HttpAnswer {
    let kernel = std::iter::successors(Some(error), |error| (*error).source())
        .find_map(|error| error.downcast_ref::<io::Error>()?.raw_os_error());
    let hyper = error.downcast_ref::<hyper::Error>();
    let (code, words) = match (kernel, hyper) {
        (Some(errno), _) => (56, format!("Recv failure: {}", crate::net::kernel::error::strerror(errno))),
        (None, Some(error)) if error.is_incomplete_message() => (52, "Empty reply from server".into()),
        (None, Some(error)) if error.is_parse() => (1, "Received HTTP/0.9 when not allowed".into()),
        _ => (18, "transfer closed with outstanding read data remaining".into()),
    };
    HttpAnswer::failed(code, words.clone(), words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_as_curl_reads_it() {
        let page = Page::parse("http://web:8080/a?b#c").unwrap();
        assert_eq!((page.host.as_str(), page.port, page.path.as_str()), ("web", 8080, "/a?b"));
        let page = Page::parse("[fd00::2]").unwrap();
        assert_eq!((page.host.as_str(), page.port, page.path.as_str()), ("fd00::2", 80, "/"));
        assert_eq!(page.authority, "[fd00::2]");
        let error = |url: &str| Page::parse(url).err().map(|error| error.error).unwrap_or_default();
        assert_eq!(error("https://web/"), "Protocol \"https\" not supported");
        assert_eq!(error("http://web:70000/"), "port number too large: 70000");
        assert!(error("http://web:x/").contains("Malformed"));
        assert!(error("http:///a").contains("Malformed"));
        assert!(error("http://a b/").contains("Malformed"));
        assert!(error("web/\n").contains("Malformed"));
    }
}
