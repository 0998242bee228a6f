use super::super::value::TableValue;
use super::super::world::{Call, Fallible, WorldCell};
use super::{Word, anywhere, here_or_host};
use crate::net::{Capture, Netns, typed};
use crate::table::Table;
use rhai::Engine;
use std::rc::Rc;

pub(super) const WORDS: &[Word] = &[Word {
    name: "capture",
    form: "`capture([ns,] link)`",
    about: "Captures the packets that pass a link from now on, as tcpdump(1) does; `any` stands \
            for all links of the namespace. The link may be down still. `.rows()` gives the \
            packets so far as a table: `n, src, dst, proto, info, at` (`at` for `any` alone). What \
            a kernel sends by its own clock has no row: reports on multicast groups, and questions \
            to a neighbour whether it is still there. A port that the client's kernel has picked is a `*`, and of \
            TCP's bare acknowledgements only the handshake's has a row. `stop(capture)` ends it. \
            `nslab run --captures DIR` writes each as a file for tcpdump and tshark, with all \
            packets. Refuses a link that is not there.",
    example: "let red = netns(\"red\");\nveth(red, \"a\", host(), \"b\");\nlet seen = capture(\"b\");\n\
              red.addr_add(\"a\", \"10.0.0.1/24\");\naddr_add(\"b\", \"10.0.0.2/24\");\nred.up(\"a\");\nup(\"b\");\n\
              ping(red, \"10.0.0.2\");\n\
              check(\"red asks first\", seen.rows()[0].info == \"who-has 10.0.0.2 tell 10.0.0.1\");",
}];

pub(super) fn register(engine: &mut Engine, cell: &WorldCell) {
    engine.register_type_with_name::<Capture>("capture");
    here_or_host!(engine, cell, "capture", |call, ns, link: &str| capture(&call, &ns, link));
    anywhere!(engine, cell, "rows", |call, capture: Capture| {
        let command = format!("tcpdump -nr {}", typed(&capture.file_name()));
        let table = call.ask(
            command,
            |network| network.captured(&capture).map(Table::Capture),
            |table| (table.to_string(), Some(table.clone())),
        )?;
        Ok(TableValue(Rc::new(table)))
    });
    anywhere!(engine, cell, "stop", |call, capture: Capture| {
        let command = format!("pkill -f {}", typed(&format!("tcpdump.*{}", capture.file_name())));
        call.act(command, |network| {
            network.stop_capture(&capture);
            Ok(())
        })
    });
    engine
        .register_fn("to_string", |capture: &mut Capture| capture.name())
        .register_fn("to_debug", |capture: &mut Capture| capture.name())
        .register_get("running", |capture: &mut Capture| capture.is_running());
}

fn capture(call: &Call, ns: &Netns, link: &str) -> Fallible<Capture> {
    let file = call.world.network.next_capture_file(ns, link);
    let command = format!("tcpdump -ni {} -w {} &", typed(link), typed(&file));
    call.act(ns.exec(&command), |network| network.capture(ns, link))
}
