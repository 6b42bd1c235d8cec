# propose-reduce as a container; docs/container.md shows how to build and run it.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS wheel
WORKDIR /build
COPY . .
RUN pip install --no-cache-dir "build==1.*" && python -m build --wheel --outdir dist

FROM python:${PYTHON}-slim
# "cpu", or a version of CUDA such as "cu130"; the driver is the machine's own
ARG TORCH=cpu
# such as "[transformers]"
ARG EXTRAS=""
RUN --mount=type=bind,from=wheel,source=/build/dist,target=/wheels \
    pip install --no-cache-dir "uv==0.*" \
    && uv pip install --system --no-cache --torch-backend "${TORCH}" "$(echo /wheels/*.whl)${EXTRAS}" \
    && pip uninstall --yes uv \
    && useradd --uid 1000 --no-create-home runner \
    && install --directory --mode 1777 /cache /videos
# whoever it runs as can write to these: docker run --user names another user
ENV HOME=/tmp XDG_CACHE_HOME=/cache
USER 1000
WORKDIR /videos
ENTRYPOINT ["propose-reduce"]
CMD ["--help"]
