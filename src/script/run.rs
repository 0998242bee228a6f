use super::engine::Stage;
use super::world::{Shell, Teller, World, place};
use super::{caught, fault, foresight};
use crate::event::{Captured, Event, Fault, Order, Stop};
use crate::lab::Helper;
use crate::net::{CaptureFile, Network, Rooms};
use rhai::{AST, Engine, EvalAltResult, Module, ModuleResolver, Position, Scope, Shared};

/// Runs a lab in a sandbox, and tells what happens until it ends or stops.
///
/// `shell` runs what is a script of bash in the gap of an exercise.
///
/// A stage is for one script. The process ends after it: what the script has
/// built is left to the kernel, which is quicker than taking it apart.
pub fn run(
    stage: &mut Stage,
    order: &Order,
    rooms: Box<dyn Rooms>,
    shell: Shell,
    teller: impl Fn() -> Box<dyn Teller>,
) {
    let tell = teller();
    let ran = try_run(&mut *stage, order, rooms, shell, teller);
    // A replay that was made for this ends here, as it should.
    let explained = stage.stand.get().is_some_and(World::is_explained);
    let ending = match ran {
        Ok(()) => Event::Ended,
        Err(_) if explained => Event::Ended,
        Err(stop) => Event::Stopped(stop),
    };
    if let Some(world) = stage.stand.get().filter(|_| order.captures) {
        for CaptureFile { name, packets, pcap } in world.network.capture_files() {
            tell.tell(Event::Captured(Captured { name, packets, pcap }));
        }
    }
    if let Some(world) = stage.stand.get() {
        world.inquire_at_end();
    }
    tell.tell(ending);
    tell.flush();
    if order.linger
        && let Some(world) = stage.stand.get()
    {
        // What is kept for a while takes nothing that others need. Where that
        // fails, the kernel does it a little later.
        let _ = world.network.forget_neighbours();
    }
}

fn try_run(
    Stage { engine, stand }: &mut Stage,
    order: &Order,
    rooms: Box<dyn Rooms>,
    shell: Shell,
    teller: impl Fn() -> Box<dyn Teller>,
) -> Result<(), Stop> {
    caught::register(engine);
    engine.set_module_resolver(Helpers(order.helpers.clone()));
    listen_to_print(engine, &teller);
    let ast = caught::compile(engine, &order.text).map_err(|error| Stop::Fault(fault::syntax(&error)))?;
    rooms.expect(foresight::namespaces(&ast));
    let network = Network::new(rooms, order.watched).map_err(|error| {
        let (place, helper) = (Default::default(), None);
        Stop::Fault(Fault { helper, place, message: error.error, command: None, hint: error.hint })
    })?;
    let may_wait = foresight::veths_that_may_wait(&ast);
    let world = World::new(network, teller(), may_wait, shell, order);
    assert!(stand.set(world).is_ok(), "a stage is for one script");
    evaluate(engine, &ast).map_err(|error| fault::stop(*error, order.timeout_ms))
}

/// What a script prints is a note.
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

/// Finds the helper files that came with the order.
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
