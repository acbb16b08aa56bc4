-- A decomposition: which layers replace this one? lowrank{decomposition="example_decomposition", rank=8}.
define.decomposition{
  name="example_decomposition", summary="A linear layer as two thinner ones",
  factor=function(layer, rank, p)
    assert(layer.op == "Gemm", "example_decomposition takes linear layers (Gemm) only")
    local u, s, vt = layer.weight:svd()
    local first, second = vt:slice(1, 1, rank), (u * s):slice(2, 1, rank)
    return {
      nn.linear{in_features=first.shape[2], out_features=rank, bias=false}:with{weight=first},
      nn.linear{in_features=rank, out_features=second.shape[1], bias=layer.bias ~= nil}:with{weight=second, bias=layer.bias},
    }
  end,
}
