use super::value;
use super::words;
use super::world::{Halt, WorldCell};
use rhai::packages::{
    BasicArrayPackage, BasicMapPackage, BasicMathPackage, CorePackage, LogicPackage, MoreStringPackage,
    Package,
};
use rhai::{Dynamic, Engine, OptimizationLevel};

/// The limits of a script: enough for any lab, not enough to hang a machine.
const OPERATIONS: u64 = 10_000_000;
const CALL_DEPTH: usize = 64;
const EXPRESSION_DEPTH: usize = 64;
pub(super) const STRING_BYTES: usize = 16 << 20;
pub(super) const ARRAY_ITEMS: usize = 100_000;
pub(super) const MAP_ITEMS: usize = 100_000;

/// A script engine with the whole vocabulary, ready for one script: to run it, or
/// only to read it.
pub struct Stage {
    pub(super) engine: Engine,
    pub(super) cell: WorldCell,
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

impl Stage {
    /// Creates a stage; that takes about half a millisecond.
    pub fn new() -> Self {
        let cell = WorldCell::default();
        let mut engine = Engine::new_raw();
        CorePackage::new().register_into_engine(&mut engine);
        LogicPackage::new().register_into_engine(&mut engine);
        BasicMathPackage::new().register_into_engine(&mut engine);
        BasicArrayPackage::new().register_into_engine(&mut engine);
        BasicMapPackage::new().register_into_engine(&mut engine);
        MoreStringPackage::new().register_into_engine(&mut engine);
        // Keeps the tree as it was written.
        engine.set_optimization_level(OptimizationLevel::None);
        engine.set_strict_variables(true);
        engine.set_fail_on_invalid_map_property(true);
        engine.set_max_operations(OPERATIONS);
        engine.set_max_call_levels(CALL_DEPTH);
        engine.set_max_expr_depths(EXPRESSION_DEPTH, EXPRESSION_DEPTH);
        engine.set_max_string_size(STRING_BYTES);
        engine.set_max_array_size(ARRAY_ITEMS);
        engine.set_max_map_size(MAP_ITEMS);
        // Code that is not in the file can't be found in its tree.
        engine.disable_symbol("eval");
        value::register(&mut engine);
        words::register(&mut engine, &cell);
        limit_time(&mut engine, &cell);
        Self { engine, cell }
    }
}

/// Stops a script that computes past its deadline.
fn limit_time(engine: &mut Engine, cell: &WorldCell) {
    let cell = cell.clone();
    engine.on_progress(move |operations| {
        let late = operations % 256 == 0 && cell.get().is_some_and(|world| world.is_late());
        late.then(|| Dynamic::from(Halt::Deadline))
    });
}
