//! Serves one page over HTTP.

use super::Clients;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Answers every request on a socket with the same text.
pub(super) async fn serve(listener: net::TcpListener, body: String, clients: Clients) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let body = Bytes::from(body);
    // The connections end with this task.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, from)) = listener.accept().await else {
            // No descriptors are left, or the connection is already gone.
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        clients.welcome(from);
        let body = body.clone();
        let page = service_fn(move |_: Request<Incoming>| {
            let body = body.clone();
            async move { Ok::<_, Infallible>(page(body)) }
        });
        // Without keep-alive, a connection closes after its answer.
        let connection = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), page);
        connections.spawn(connection);
    }
}

fn page(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    let kind = hyper::header::HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
