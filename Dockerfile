# Images of roadex, for CPUs and for NVIDIA GPUs. From the root of the repository:
#   docker build -t roadex --build-arg TORCH_INDEX=URL .     URL: PyTorch's index of CPU builds, 0.3 GB
#   docker build -t roadex-gpu --target gpu .                instead of 5 GB with what GPUs need
# In the folder of a scene:
#   docker run --rm -u "$(id -u):$(id -g)" -v "$PWD:/data" roadex run scene.tif -o out
#   docker run --rm --gpus all -u "$(id -u):$(id -g)" -v "$PWD:/data" roadex-gpu run scene.tif -o out

FROM python:3.12-slim AS base
# rasterio's wheels hold GDAL but not the XML parser it is linked to.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libexpat1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 roadex
# Any user may run it: what is cached goes where everybody can write.
ENV PATH=/opt/roadex/bin:$PATH \
    HOME=/tmp \
    NUMBA_CACHE_DIR=/tmp/numba \
    MPLCONFIGDIR=/tmp/matplotlib
WORKDIR /data

FROM base AS source
RUN python -m venv /opt/roadex
COPY . /src
RUN grep -E '^torch(vision)?==' /src/constraints.txt > /src/torch.txt

FROM source AS install-cpu
ARG TORCH_INDEX=
RUN if [ -n "$TORCH_INDEX" ]; then \
      pip install --no-cache-dir --index-url "$TORCH_INDEX" -r /src/torch.txt; \
    fi \
 && pip install --no-cache-dir -c /src/constraints.txt "/src[int8,cloud]"

FROM source AS install-gpu
RUN pip install --no-cache-dir -c /src/constraints.txt "/src[cloud]"

FROM base AS gpu
COPY --from=install-gpu /opt/roadex /opt/roadex
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER roadex
ENTRYPOINT ["roadex"]
CMD ["--help"]

# The last stage is the one that is built where none is named.
FROM base AS cpu
COPY --from=install-cpu /opt/roadex /opt/roadex
USER roadex
ENTRYPOINT ["roadex"]
CMD ["--help"]
