define(function () {
  return {
    find: function (phrase) {
      return [{id: 309125, score: 0.75}, {id: 309126, score: phrase.length}];
    }
  };
});
