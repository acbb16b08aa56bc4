-- A loss: how far is the student from the teacher? distill{teacher=m, loss="example_loss"}.
define.loss{
  name="example_loss", summary="Squared difference of the outputs",
  -- needs={"layer3"} would give student.taps[1] and teacher.taps[1].
  value=function(student, teacher, labels, p)
    local difference = student.logits - teacher.logits
    return (difference * difference):mean()
  end,
}
