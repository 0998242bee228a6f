#!/bin/sh
# Grades a class with nslab as a Slurm job array: each task grades a part of
# the class, and keeps each grade as it has it. A task that was killed, or
# requeued by the cluster, goes on where it was.
#
#   mkdir results
#   sbatch --wait --array=1-20 slurm.sh 20 exercises/mask.rhai submissions results
#   nslab grade --merge results/*.jsonl --format csv > grades.csv
#
# One task alone again: sbatch --array=7 slurm.sh 20 …
#SBATCH --job-name=grade
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=grade-%a.log
#SBATCH --time=00:30:00
parts=$1 exercise=$2 submissions=$3 results=$4

nslab grade "$exercise" "$submissions" \
    --shard "$SLURM_ARRAY_TASK_ID/$parts" \
    --resume "$results/part-$SLURM_ARRAY_TASK_ID.jsonl"

# 1: all are graded, and somebody has not earned all points.
code=$?
[ "$code" = 1 ] || exit "$code"
