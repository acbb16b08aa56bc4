import Scripting
import Testing

extension ScriptingTests {
  @Suite struct LayerBindings {
    @Test func convolutionAndPooling() throws {
      #expect(try run("""
        local x = tensor.arange(1, 16):reshape{1, 1, 4, 4}; local w = tensor.ones{1, 1, 2, 2}
        same(x:conv(w, {stride=2}):flatten():totable(), {14, 22, 46, 54})
        same(x:conv(w, {bias=tensor{1}, padding={1, 0}}).shape, {1, 1, 5, 3})
        same(tensor.ones{1, 1, 2, 2}:conv_transpose(w, {stride=2}):sum().shape, {}); same(x:conv_transpose(w).shape, {1, 1, 5, 5})
        same(tensor.ones{1, 1, 3, 3, 3}:conv(tensor.ones{1, 1, 2, 2, 2}):flatten():totable(), {8, 8, 8, 8, 8, 8, 8, 8})
        same(x:maxpool{kernel=2}:flatten():totable(), {6, 8, 14, 16}); same(x:avgpool{kernel=2}:flatten():totable(), {3.5, 5.5, 11.5, 13.5})
        local y, i = x:maxpool{kernel=2, indices=true}; same(i:flatten():totable(), {5, 7, 13, 15})
        same(y:max_unpool(i, {4, 4}):sum():reshape{1}:totable(), {44})
        same(x:adaptive_avgpool{1, 2}:flatten():totable(), {7.5, 9.5}); same(x:lppool{kernel=4, p=1}:flatten():totable(), {136})
        same(x:unfold{kernel=2, stride=2}.shape, {1, 4, 4}); same(x:unfold{kernel=2, stride=2}:fold{size={4, 4}, kernel=2, stride=2}:flatten():totable(), x:flatten():totable())
        same(tensor{1, 2, 3, 4}:windows(1, 2, {step=2}):flatten():totable(), {1, 2, 3, 4})
        assert(fails("argument", function() return x:conv(w, {strid=2}) end).suggestion == "did you mean 'stride'?")
        fails("argument", function() return x:maxpool{} end); fails("argument", function() return x:conv(w, {stride="a"}) end)
        fails("argument", function() return x:conv(w, {groups=0}) end); fails("shape", function() return x:conv(tensor.ones{1, 2, 2, 2}) end)
        """).isEmpty)
    }

    @Test func interpolationAndAttention() throws {
      #expect(try run("""
        local x = tensor{{{{1, 2}, {3, 4}}}}
        same(x:resize{scale=2}[1][1][1]:totable(), {1, 1, 2, 2}); same(x:resize{size={2, 3}, mode="linear", coordinates="align_corners"}[1][1][1]:totable(), {1, 1.5, 2})
        same(x:resize{scale={1, 2}}.shape, {1, 1, 2, 4})
        same(x:grid_sample(tensor{{{{0, 0}}}}):flatten():totable(), {2.5})
        fails("argument", function() return x:resize{} end); fails("argument", function() return x:resize{size={2}, scale=2} end)
        assert(fails("argument", function() return x:resize{scale=2, mode="bilinear"} end).argument == "mode")
        local q = tensor.randn({2, 3, 4}, {seed=1})
        same(q:attention(q, q, {causal=true}).shape, {2, 3, 4}); same(q:attention(q, q, {heads=2}).shape, {2, 3, 4})
        same(q:rotary():slice(2, 1, 1):flatten():totable(), q:slice(2, 1, 1):flatten():totable())
        """).isEmpty)
    }

    @Test func recurrenceAndSpectra() throws {
      #expect(try run("""
        local x = tensor.randn({5, 2, 3}, {seed=1}); local w, r = tensor.randn({1, 16, 3}, {seed=2}), tensor.randn({1, 16, 4}, {seed=3})
        local y, h, c = x:lstm(w, r); same(y.shape, {5, 1, 2, 4}); same(h.shape, {1, 2, 4}); same(c.shape, {1, 2, 4})
        y, h = x:gru(w:slice(2, 1, 12), r:slice(2, 1, 12), {direction="reverse"}); same(y.shape, {5, 1, 2, 4}); assert(h:equal(y:slice(1, 1, 1):reshape{1, 2, 4}))
        y, h = x:rnn(w:slice(2, 1, 4), r:slice(2, 1, 4), {lengths=tensor({5, 3}, {dtype="i64"})}); same(h.shape, {1, 2, 4})
        assert(w:reshape{16, 3}:reordered_gates(4):reordered_gates(4, {to_torch=true}):equal(w:reshape{16, 3}))
        local s = tensor{1, 0, 0, 0}; same(s:rfft():flatten():totable(), {1, 0, 1, 0, 1, 0}); same(s:rfft():irfft():totable(), {1, 0, 0, 0})
        same(tensor.window("hann", 4):totable(), {0, 0.5, 1, 0.5}); assert(fails("argument", function() return tensor.window("han", 4) end).suggestion)
        same(tensor.ones{2, 12}:stft{frame=4, step=2}.shape, {2, 5, 3, 2}); same(tensor.ones{12}:stft{frame=4, step=2}:istft{frame=4, step=2}:totable(), tensor.ones{12}:totable())
        """).isEmpty)
    }

    @Test func builders() throws {
      #expect(try run("""
        local m = nn.sequential{ nn.conv1d{in_channels=1, out_channels=4, kernel=3, padding=1}, nn.elu(), nn.maxpool1d{kernel=2},
          nn.conv_transpose1d{in_channels=4, out_channels=2, kernel=2, stride=2}, nn.prelu{channels=2, axes=1}, nn.instancenorm{channels=2}, input={1, 8} }
        same(m(tensor.ones{3, 1, 8}).shape, {3, 2, 8})
        m = nn.sequential{ nn.conv3d{in_channels=1, out_channels=2, kernel={1, 3, 3}}, nn.mish(), nn.avgpool3d{kernel=2}, nn.global_maxpool(), nn.flatten(), input={1, 4, 6, 6} }
        same(m(tensor.ones{2, 1, 4, 6, 6}).shape, {2, 2})
        m = nn.sequential{ nn.conv_transpose2d{in_channels=4, out_channels=4, kernel=2, stride=2}, nn.groupnorm{groups=2, channels=4}, nn.upsample{scale=2, mode="linear"}, nn.pixel_shuffle{}, input={4, 2, 2} }
        same(m(tensor.randn({1, 4, 2, 2}, {seed=1})).shape, {1, 1, 16, 16})
        m = nn.sequential{ nn.lstm{input_size=3, hidden_size=4, direction="bidirectional", name="rec"}, nn.layernorm{features=8}, nn.gru{input_size=8, hidden_size=5}, input={6, 3} }
        same(m(tensor.randn({2, 6, 3}, {seed=1})).shape, {2, 6, 5}); assert(m.parameters["rec.weight"])
        local g = m:gradients(function(m) return m(tensor.randn({2, 6, 3}, {seed=1})):sum() end)
        fails("argument", function() return nn.conv1d{in_channels=3, out_channels=4, kernel={1, 2}} end)
        fails("argument", function() return nn.conv3d{in_channels=3, out_channels=4} end)
        """).isEmpty)
    }
  }
}
