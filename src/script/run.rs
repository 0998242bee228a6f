use super::engine::Stage;
use super::world::{Guests, Teller, World, place};
use super::{caught, fault, foresight};
use crate::event::{Captured, Event, Fault, Order, Stop};
use crate::lab::Helper;
use crate::net::{CaptureFile, Network, Rooms};
use rhai::{AST, Engine, EvalAltResult, Module, ModuleResolver, Position, Scope, Shared};
use std::rc::Rc;

/// Runs a lab in a sandbox, and reports events until it ends or stops.
///
/// The `guests` act in the lab's network beside the script.
///
/// A stage is for one script. The process ends afterwards: the kernel removes
/// what the script has built, which is faster than dismantling it.
pub fn run(
    stage: &mut Stage,
    order: &Rc<Order>,
    rooms: Box<dyn Rooms>,
    guests: Guests,
    teller: impl Fn() -> Box<dyn Teller>,
) {
    let tell = teller();
    let ran = try_run(&mut *stage, order, rooms, guests, teller);
    // The purpose of this run is fulfilled, so this end is correct.
    let is_done = stage.cell.get().is_some_and(World::is_done);
    let ran = match (ran, stage.cell.get()) {
        (Err(_), _) if is_done => Ok(()),
        (Ok(()), Some(world)) => {
            world.ask_again();
            world.live_at_end()
        }
        (ran, _) => ran,
    };
    let ending = ran.map_or_else(Event::Stopped, |()| Event::Ended);
    if let Some(world) = stage.cell.get().filter(|_| order.captures) {
        for CaptureFile { name, packets, pcap } in world.network.capture_files() {
            tell.tell(Event::Captured(Captured { name, packets, pcap }));
        }
    }
    if let Some(world) = stage.cell.get() {
        world.inquire_at_end();
    }
    tell.tell(ending);
    tell.flush();
    if order.linger
        && let Some(world) = stage.cell.get()
    {
        // A lingering network must not use neighbour entries that others need. If
        // this fails, the kernel removes them a little later.
        let _ = world.network.forget_neighbours();
    }
}

fn try_run(
    Stage { engine, cell }: &mut Stage,
    order: &Rc<Order>,
    rooms: Box<dyn Rooms>,
    guests: Guests,
    teller: impl Fn() -> Box<dyn Teller>,
) -> Result<(), Stop> {
    caught::register(engine);
    engine.set_module_resolver(Helpers(order.helpers.clone()));
    listen_to_print(engine, &teller);
    let ast = caught::compile(engine, &order.text).map_err(|error| Stop::Fault(fault::syntax(&error)))?;
    rooms.expect(foresight::expected(&ast));
    let network = Network::new(rooms, order.watched).map_err(|error| {
        let (place, helper) = (Default::default(), None);
        Stop::Fault(Fault { helper, place, message: error.error, command: None, hint: error.hint })
    })?;
    let may_wait = foresight::veths_that_may_wait(&ast);
    let world = World::new(network, teller(), may_wait, guests, order);
    assert!(cell.set(world).is_ok(), "a stage is for one script");
    evaluate(engine, &ast).map_err(|error| fault::stop(*error, order.timeout_ms))
}

/// Reports the output of `print` as notes.
fn listen_to_print(engine: &mut Engine, teller: &impl Fn() -> Box<dyn Teller>) {
    let note = |position, text: &str| Event::Note { place: place(position), text: text.into() };
    let told = teller();
    engine.on_print(move |text| told.tell(note(Position::NONE, text)));
    let told = teller();
    engine.on_debug(move |text, _, position| told.tell(note(position, text)));
}

fn evaluate(engine: &Engine, ast: &AST) -> Result<(), Box<EvalAltResult>> {
    engine.run_ast_with_scope(&mut Scope::new(), ast)
}

/// Resolves imports from the helper files of the order.
struct Helpers(Vec<Helper>);

impl ModuleResolver for Helpers {
    fn resolve(
        &self,
        engine: &Engine,
        _source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let missing = || EvalAltResult::ErrorModuleNotFound(path.into(), position);
        let helper = self.0.iter().find(|helper| helper.import == path).ok_or_else(missing)?;
        let mut ast = caught::compile(engine, &helper.text)
            .map_err(|error| EvalAltResult::ErrorParsing(*error.0, error.1))?;
        ast.set_source(&helper.path);
        let module = Module::eval_ast_as_new(Scope::new(), &ast, engine);
        let in_helper = |error| EvalAltResult::ErrorInModule(helper.path.clone(), error, position);
        Ok(module.map_err(in_helper)?.into())
    }
}
