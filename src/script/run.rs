use super::engine::Stage;
use super::fault;
use super::world::{Teller, World, place};
use crate::event::{Event, Fault, Order, Stop};
use crate::lab::Helper;
use crate::net::{Network, Rooms};
use rhai::{AST, Engine, EvalAltResult, Module, ModuleResolver, Position, Scope, Shared};

/// Runs a lab in a sandbox, and tells what happens until it ends or stops.
pub fn run(stage: Stage, order: &Order, rooms: Box<dyn Rooms>, teller: impl Fn() -> Box<dyn Teller>) {
    let tell = teller();
    let ending = match try_run(stage, order, rooms, teller) {
        Ok(()) => Event::Ended,
        Err(stop) => Event::Stopped(stop),
    };
    tell.tell(ending);
    tell.flush();
}

fn try_run(
    stage: Stage,
    order: &Order,
    rooms: Box<dyn Rooms>,
    teller: impl Fn() -> Box<dyn Teller>,
) -> Result<(), Stop> {
    let Stage { mut engine, stand } = stage;
    engine.set_module_resolver(Helpers(order.helpers.clone()));
    for (word, prefix) in [("print", ""), ("debug", "debug: ")] {
        let teller = teller();
        let say = move |text: &str, position: Position| {
            teller.tell(Event::Note { place: place(position), text: format!("{prefix}{text}") });
        };
        match word {
            "print" => engine.on_print(move |text| say(text, Position::NONE)),
            _ => engine.on_debug(move |text, _, position| say(text, position)),
        };
    }
    let ast = engine.compile(&order.text).map_err(|error| Stop::Fault(fault::syntax(&error)))?;
    let network = Network::new(rooms, order.watched).map_err(|error| {
        Stop::Fault(Fault {
            helper: None,
            place: Default::default(),
            message: error.error,
            command: None,
            hint: error.hint,
        })
    })?;
    let world = World::new(network, teller(), order.watched, order.timeout_ms);
    let timeout_ms = world.timeout_ms();
    assert!(stand.set(world).is_ok(), "a stage is for one script");
    evaluate(&engine, &ast).map_err(|error| fault::stop(*error, timeout_ms))
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
        let mut ast = engine
            .compile(&helper.text)
            .map_err(|error| EvalAltResult::ErrorParsing(*error.0, error.1))?;
        ast.set_source(&helper.path);
        Ok(Module::eval_ast_as_new(Scope::new(), &ast, engine)?.into())
    }
}
