-- A GPUStack server on this machine: usage is on every chunk, and no [DONE] is sent.
return tide.adapter {
  name = "gpustack",
  extends = "vllm",
  base_url = "http://127.0.0.1/v1",
  auth = { type = "bearer", secret = "GPUSTACK_API_KEY" },
  params = { inject_stream = false },
}
