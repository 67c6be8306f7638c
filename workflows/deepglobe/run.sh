#!/usr/bin/env bash
#SBATCH --job-name=roadex-deepglobe
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=12
#SBATCH --mem=48G
#SBATCH --time=48:00:00
#
# Train, predict, score and pack a submission on the DeepGlobe road data.
#
#   bash workflows/deepglobe/run.sh DATA OUT        # here
#   sbatch workflows/deepglobe/run.sh DATA OUT      # on a SLURM cluster
#
# DATA holds train/{id}_sat.jpg and train/{id}_mask.png, and optionally valid/{id}_sat.jpg without
# masks. Everything is written to OUT. A job that was stopped goes on when started again: training
# from its last checkpoint, prediction with the images that are missing.
#
# Variables: TRAIN_SPLIT, VAL_SPLIT  batra-train, batra-val, or files with one id per line
#            MODEL                   a model that exists, by name or file: nothing is trained
#            TRAIN_OPTIONS           options added to roadex train, as "--set steps=100"
#            PREDICT_OPTIONS         options added to roadex predict, as "--workers 2"
set -euo pipefail

if [ $# -ne 2 ]; then
    echo "usage: run.sh DATA OUT" >&2
    exit 2
fi
data=$(realpath "$1")
out=$(realpath -m "$2")
# SLURM runs a copy of this script, so there it is looked for from the folder of submission.
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
[ -f "$here/train.toml" ] || here=${SLURM_SUBMIT_DIR:?}/workflows/deepglobe
train_split=${TRAIN_SPLIT:-batra-train}
val_split=${VAL_SPLIT:-batra-val}

# The images of a split, as links in a folder of their own.
link_split() {
    mkdir -p "$2"
    python -c 'import sys; from roadex.scoring.splits import split_ids; print(*split_ids(sys.argv[1]), sep="\n")' "$1" |
        while read -r id; do
            for file in "${id}_sat.jpg" "${id}_mask.png"; do
                ln -sfn "$data/train/$file" "$2/$file"
            done
        done
}
link_split "$val_split" "$out/val"

# 1. Train. The model carries the threshold that is best on the validation images.
model=${MODEL:-$out/model.safetensors}
if [ -z "${MODEL:-}" ] && [ ! -f "$model" ]; then
    link_split "$train_split" "$out/train"
    # shellcheck disable=SC2086
    roadex train "deepglobe:$out/train" --validation "deepglobe:$out/val" \
        --config "$here/train.toml" --run-folder "$out/run" -o "$model" \
        --licence "DeepGlobe: research and education only" ${TRAIN_OPTIONS:-}
fi

# 2. Predict the validation images, without and with test-time augmentation.
for tta in none d4; do
    # shellcheck disable=SC2086
    roadex predict --dataset deepglobe "$out/val" -o "$out/masks-$tta" --with-probability \
        --model "$model" --tta "$tta" ${PREDICT_OPTIONS:-}
done

# 3. Score: masks as they would be submitted, then every threshold of the probability.
roadex score deepglobe "$out/masks-none" "$out/masks-d4" "$out/val" --split "$val_split" \
    --json "$out/scores.json" --csv "$out/images.csv" --sheet "$out/worst.png"
roadex score deepglobe "$out/masks-none/*_probability.png" "$out/masks-d4/*_probability.png" \
    "$out/val" --split "$val_split" --json "$out/thresholds.json" --curves "$out/curves.png"

# 4. Submit: masks of the images whose truth only the challenge knows, in one ZIP file.
if [ -d "$data/valid" ]; then
    # shellcheck disable=SC2086
    roadex predict --dataset deepglobe "$data/valid" -o "$out/submission" \
        --model "$model" --tta d4 ${PREDICT_OPTIONS:-}
    python -c 'import sys; from pathlib import Path; from roadex.scoring.submission import zip_masks
zip_masks(list(Path(sys.argv[1]).glob("*_mask.png")), sys.argv[2])' \
        "$out/submission" "$out/submission.zip"
    echo "submit $out/submission.zip"
fi
